"""dflex's environments behind :class:`pwm.envs.base.VectorEnv`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, ClassVar

import torch
from torch import Tensor

from pwm.envs import randomness
from pwm.envs.base import Step, diverged
from pwm.envs.dflex.package import environments, expected_names


class DflexEnv:
    """One of dflex's environments, from random starts, with early termination and no gradient.

    An episode is truncated after ``episode_length`` steps unless it terminates at that very step. On a CPU
    dflex is fastest on one thread of torch and gets one; others keep theirs.

    Options:
        episode_length: steps after which an episode is truncated.
        mass_matrix_interval: substeps after which the mass matrix is made anew.
    """

    NAME: ClassVar[str]
    CLASS: ClassVar[str]
    """Name in ``dflex.envs``."""
    OPTIONS: ClassVar[tuple[str, ...]] = ("episode_length", "mass_matrix_interval")
    CHOICES: ClassVar[Mapping[str, Collection[str]]] = {}
    EPISODE_LENGTH: ClassVar[int] = 1000
    MASS_MATRIX_INTERVAL: ClassVar[int] = 16
    """Substeps after which the mass matrix is made anew, as in published runs."""
    VELOCITY: ClassVar[int | None] = 5
    """Index of the forward velocity [m/s] in the observation."""

    def __init__(
        self,
        num_envs: int,
        device: torch.device,
        seed: int,
        auto_reset: bool,
        episode_length: int | None = None,
        mass_matrix_interval: int | None = None,
    ) -> None:
        length = self.EPISODE_LENGTH if episode_length is None else episode_length
        self.name = self.NAME
        self.num_envs = num_envs
        self.device = device
        self._generator = torch.Generator(device).manual_seed(seed)
        self.generators = None
        self._auto_reset = auto_reset
        env_class = getattr(environments(), self.CLASS)
        with self._running(), expected_names():
            self._sim = env_class(
                num_envs=num_envs,
                device=str(device),
                episode_length=length,
                no_grad=True,
                stochastic_init=True,
                MM_caching_frequency=mass_matrix_interval or self.MASS_MATRIX_INTERVAL,
            )
        # Its step ends episodes by calling reset. They are begun here instead: or not, without auto_reset.
        self._begin_episode = self._sim.reset
        self._sim.reset = lambda env_ids: None
        self.obs_dim = int(self._sim.num_obs)
        self.act_dim = int(self._sim.num_acts)
        self.tasks: tuple[str, ...] = (self.name,)
        self.task = torch.zeros(num_envs, dtype=torch.int64, device=device)
        self.action_mask = torch.ones(num_envs, self.act_dim, device=device)
        self.episode_length = torch.full((num_envs,), length, device=device)
        self.reset()

    def reset(self) -> Tensor:
        """Start a new episode everywhere; returns the observation ``[N, obs_dim]``."""
        with self._running():
            self._begin_episode()
        return self._observation()

    def step(self, action: Tensor) -> Step:
        """Advance by 1/60 s with ``action`` ``[N, act_dim]``, clipped to [-1, 1].

        Raises:
            ValueError: an action of another shape.
        """
        if action.shape != self.action_mask.shape:
            raise ValueError(f"expected actions {list(self.action_mask.shape)}, got {list(action.shape)}")
        with self._running():
            _, reward, _, info = self._sim.step(action.detach().to(self.action_mask))
            final_observation = info["obs_before_reset"]
            lost = diverged(reward, final_observation)
            terminated = info["termination"] & ~lost
            truncated = (info["truncation"] & ~terminated) | lost
            if self._auto_reset:
                ended = (terminated | truncated).nonzero().squeeze(1)
                if len(ended):
                    self._begin_episode(ended)
        return Step(self._observation(), reward, terminated, truncated, lost, final_observation)

    def get_state(self) -> tuple[Tensor, Tensor]:
        """``joint_q`` ``[N, nq]`` and ``joint_qd`` ``[N, nqd]`` (copies)."""
        joint_q, joint_qd = self._sim.get_state()
        return joint_q.view(self.num_envs, -1), joint_qd.view(self.num_envs, -1)

    def set_state(self, joint_q: Tensor, joint_qd: Tensor) -> Tensor:
        """Begin an episode everywhere from a given state; returns the observation.

        Raises:
            ValueError: a state of another shape.
        """
        for given, held in zip((joint_q, joint_qd), self.get_state(), strict=True):
            if given.shape != held.shape:
                raise ValueError(f"expected a state of shape {list(held.shape)}, got {list(given.shape)}")
        self._put(joint_q, joint_qd, torch.zeros_like(self._sim.state.joint_act))
        return self._observation()

    def state_dict(self) -> dict[str, Any]:
        """Everything a continuation needs; bit for bit on a CPU."""
        joint_q, joint_qd = self.get_state()
        return {
            "joint_q": joint_q,
            "joint_qd": joint_qd,
            "action": self._sim.state.joint_act.clone(),
            "steps": self._sim.progress_buf.clone(),
            "generator": self._generator.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore :meth:`state_dict`.

        Raises:
            ValueError: the state is that of another number or kind of environments.
        """
        for key, held in self.state_dict().items():
            if key != "generator" and state[key].shape != held.shape:
                shapes = f"{list(state[key].shape)}, expected {list(held.shape)}"
                raise ValueError(f"state of other environments: {key} has shape {shapes}")
        self._put(state["joint_q"], state["joint_qd"], state["action"])
        self._sim.progress_buf.copy_(state["steps"])
        randomness.resume(self._generator, state["generator"])

    def forward_velocity(self, observation: Tensor) -> Tensor:
        """``[..., N]`` m/s, nan where there is no such notion."""
        if self.VELOCITY is None:
            return torch.full_like(observation[..., 0], float("nan"))
        return observation[..., self.VELOCITY]

    def prepare(self, steps: int) -> None:
        """dflex draws a start state when it needs one."""

    def _put(self, joint_q: Tensor, joint_qd: Tensor, action: Tensor) -> None:
        """Make these the simulator's state; the observation follows, the step counters become 0."""
        state = self._sim.state
        with self._running():
            state.joint_act = action.to(state.joint_act, copy=True)
            self._sim.reset_with_state(joint_q.to(state.joint_q), joint_qd.to(state.joint_qd))

    def _observation(self) -> Tensor:
        # The caller's observation is its own: dflex computes the next reward from its buffer.
        return self._sim.obs_buf.clone()

    @contextmanager
    def _running(self) -> Iterator[None]:
        """dflex's code runs without gradient, on one CPU thread, and draws from this object's generator."""
        on_cpu = self.device.type == "cpu"
        drawn_from = torch.default_generator if on_cpu else torch.cuda.default_generators[self.device.index]
        others, threads = drawn_from.get_state(), torch.get_num_threads()
        drawn_from.set_state(self._generator.get_state())
        if on_cpu:
            torch.set_num_threads(1)
        try:
            with torch.no_grad(), nullcontext() if on_cpu else torch.cuda.device(self.device):
                yield
        finally:
            torch.set_num_threads(threads)
            self._generator.set_state(drawn_from.get_state())
            drawn_from.set_state(others)


class Ant(DflexEnv):
    """Run along x on four legs: see :class:`pwm.envs.newton.ant.Ant` for observation, action and reward."""

    NAME, CLASS = "dflex_ant", "AntEnv"


class Hopper(DflexEnv):
    """Hop along x on one leg, in the plane: see :class:`pwm.envs.newton.hopper.Hopper`."""

    NAME, CLASS = "dflex_hopper", "HopperEnv"


class Humanoid(DflexEnv):
    """Run along x on two legs, with 21 torques."""

    NAME, CLASS = "dflex_humanoid", "HumanoidEnv"
    MASS_MATRIX_INTERVAL = 48


class SNUHumanoid(DflexEnv):
    """Run along x on two legs, with 152 muscles."""

    NAME, CLASS = "dflex_snu_humanoid", "SNUHumanoidEnv"
    MASS_MATRIX_INTERVAL = 8


class Anymal(DflexEnv):
    """Run along x as the quadruped ANYmal C, with 12 torques."""

    NAME, CLASS = "dflex_anymal", "AnymalEnv"


class CartPole(DflexEnv):
    """Swing a pole up: see :class:`pwm.envs.newton.cartpole.CartPole`."""

    NAME, CLASS = "dflex_cartpole", "CartPoleSwingUpEnv"
    EPISODE_LENGTH, VELOCITY = 240, None


class DoublePendulum(DflexEnv):
    """Swing a double pendulum up by a torque on its second joint."""

    NAME, CLASS = "dflex_double_pendulum", "DoublePendulumEnv"
    EPISODE_LENGTH, VELOCITY = 240, None
