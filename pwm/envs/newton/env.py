"""What the Newton environments share: state, stepping, episodes, exact resumption."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

import newton
import torch
import warp as wp
from torch import Tensor

from pwm.envs import randomness
from pwm.envs.base import DT, Capsule, Step, diverged
from pwm.envs.newton.solver import GroundContact, SubsteppingSolver
from pwm.errors import UserError


def cos_sin(angle: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine of ``angle``, in memory shared with each other.

    On a CPU torch's own ``cos`` and ``sin`` start threads for a handful of numbers (through MKL), which
    takes milliseconds on a busy machine.
    """
    unit = torch.view_as_real(torch.polar(torch.ones_like(angle), angle))
    return unit[..., 0], unit[..., 1]


class NewtonEnv(ABC):
    """Identical articulations driven by joint torques, y up, with the conventions of dflex.

    The reward of a step is that of the observation before it and the clipped action. An episode is
    truncated after ``episode_length`` steps unless it terminates at that very step, and where its simulation
    diverges, which leaves the other environments untouched.
    """

    NAME: ClassVar[str]
    OPTIONS: ClassVar[tuple[str, ...]]
    OBS_DIM: ClassVar[int]
    ACTUATED: ClassVar[slice]
    """The actuated entries of ``joint_qd``."""
    STRENGTH: ClassVar[float]
    """Joint torque [N m] or force [N] at action 1."""
    SUBSTEPS: ClassVar[int]
    PLANAR: ClassVar[bool] = False
    """Whether it moves in the plane z = 0 only."""

    def __init__(
        self, num_envs: int, device: torch.device, seed: int, auto_reset: bool, episode_length: int
    ) -> None:
        if not isinstance(episode_length, int) or episode_length < 1:
            required = "must be a whole number of at least 1"
            raise UserError(f"episode_length of env {self.NAME} {required}, got {episode_length!r}")
        self.name = self.NAME
        self.num_envs = num_envs
        self.device = device
        self.obs_dim = self.OBS_DIM
        self.act_dim = self.ACTUATED.stop - self.ACTUATED.start
        self.tasks: tuple[str, ...] = (self.name,)
        self.task = torch.zeros(num_envs, dtype=torch.int64, device=device)
        self.action_mask = torch.ones(num_envs, self.act_dim, device=device)
        self.episode_length = torch.full((num_envs,), episode_length, device=device)
        self._auto_reset = auto_reset
        self._generator = torch.Generator(device).manual_seed(seed)
        self._action = torch.zeros(num_envs, self.act_dim, device=device)
        self._steps = torch.zeros(num_envs, dtype=torch.int64, device=device)
        self._build()
        self._observation = self.reset()

    def _build(self) -> None:
        """The Newton model of all environments, and torch views of its state and torques."""
        template = newton.ModelBuilder(up_axis=newton.Axis.Y)
        capsules, contact = self._articulation(template)
        self.capsules, self.planar = tuple(capsules), self.PLANAR
        scene = newton.ModelBuilder(up_axis=newton.Axis.Y)
        scene.replicate(template, self.num_envs)
        # Validation would replace dflex's inertias, which no real body has, by physical ones.
        model = scene.finalize(device=str(self.device), skip_validation_inertia=True)
        self._solver = SubsteppingSolver(model, contact, self.SUBSTEPS)
        self._state, self._control = model.state(), model.control()
        self._joint_q = wp.to_torch(self._state.joint_q).view(self.num_envs, -1)
        self._joint_qd = wp.to_torch(self._state.joint_qd).view(self.num_envs, -1)
        torque = wp.to_torch(self._control.joint_f).view(self.num_envs, -1)
        self._torque = torque[:, self.ACTUATED]
        wp.synchronize_device(model.device)

    def reset(self) -> Tensor:
        """Start a new episode everywhere; returns the observation ``[N, obs_dim]``."""
        self._begin_episode(torch.ones_like(self._steps, dtype=torch.bool), *self._sample_start())
        self._observation = self._observe()
        return self._observation.clone()

    def step(self, action: Tensor) -> Step:
        """Advance by 1/60 s with ``action`` ``[N, act_dim]``, clipped to [-1, 1].

        Raises:
            ValueError: an action of another shape.
        """
        if action.shape != self._action.shape:
            raise ValueError(f"expected actions {list(self._action.shape)}, got {list(action.shape)}")
        action = action.detach().to(self._action.dtype).clamp(-1.0, 1.0)
        reward = self._reward(self._observation, action)
        torch.mul(action, self.STRENGTH, out=self._torque)
        with self._torch_stream():
            self._solver.step(self._state, self._state, self._control, None, DT)
        self._action = action
        self._steps += 1
        final_observation = self._observe()
        lost = diverged(reward, final_observation)
        terminated = self._terminated(final_observation) & ~lost
        truncated = ((self._steps >= self.episode_length) & ~terminated) | lost
        self._observation = final_observation
        if self._auto_reset:
            self._reset_where(terminated | truncated)
        # The caller's observation is its own: the next reward is computed from ours.
        return Step(self._observation.clone(), reward, terminated, truncated, final_observation.clone())

    def get_state(self) -> tuple[Tensor, Tensor]:
        """``joint_q`` ``[N, nq]`` and ``joint_qd`` ``[N, nqd]`` in dflex's conventions (copies)."""
        return self._joint_q.clone(), self._to_dflex(self._joint_q, self._joint_qd)

    def set_state(self, joint_q: Tensor, joint_qd: Tensor) -> Tensor:
        """Begin an episode in the given state (dflex's conventions); returns the observation.

        The previous action is 0 in every environment and the step counters restart.

        Raises:
            ValueError: a shape other than that of :meth:`get_state`.
        """
        for given, held in ((joint_q, self._joint_q), (joint_qd, self._joint_qd)):
            if given.shape != held.shape:
                raise ValueError(f"expected a state of shape {list(held.shape)}, got {list(given.shape)}")
        everywhere = torch.ones_like(self._steps, dtype=torch.bool)
        self._begin_episode(everywhere, joint_q.to(self._joint_q), joint_qd.to(self._joint_qd))
        self._observation = self._observe()
        return self._observation.clone()

    def state_dict(self) -> dict[str, Any]:
        """Everything a bit-for-bit continuation needs."""
        return {
            "joint_q": self._joint_q.clone(),
            "joint_qd": self._joint_qd.clone(),
            "action": self._action.clone(),
            "steps": self._steps.clone(),
            "generator": self._generator.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore :meth:`state_dict`.

        Raises:
            ValueError: the state is that of another number or kind of environments.
        """
        held = {"joint_q": self._joint_q, "joint_qd": self._joint_qd}
        held |= {"action": self._action, "steps": self._steps}
        for key, tensor in held.items():
            if state[key].shape != tensor.shape:
                shapes = f"{list(state[key].shape)}, expected {list(tensor.shape)}"
                raise ValueError(f"state of other environments: {key} has shape {shapes}")
        for key in ("joint_q", "joint_qd"):
            held[key].copy_(state[key])
        self._action = state["action"].to(self.device, copy=True)
        self._steps = state["steps"].to(self.device, copy=True)
        randomness.resume(self._generator, state["generator"])
        self._observation = self._observe()

    def forward_velocity(self, observation: Tensor) -> Tensor:
        """``[N]`` m/s, nan where there is no such notion."""
        return torch.full_like(observation[:, 0], float("nan"))

    def segments(self) -> Tensor:
        """``[N, S, 2, 3]`` m: where the ends of the ``capsules`` are now."""
        with self._torch_stream():
            newton.eval_fk(self._solver.model, self._state.joint_q, self._state.joint_qd, self._state)
        pose = wp.to_torch(self._state.body_q).view(self.num_envs, -1, 7)
        pose = pose[:, [capsule.body for capsule in self.capsules], None]
        ends = [(capsule.start, capsule.end) for capsule in self.capsules]
        point = torch.tensor(ends, device=self.device).expand(self.num_envs, -1, -1, -1)
        axis, w = pose[..., 3:6].expand_as(point), pose[..., 6:]
        turn = torch.linalg.cross(axis, point)
        return pose[..., :3] + point + 2.0 * (w * turn + torch.linalg.cross(axis, turn))

    def _reset_where(self, done: Tensor) -> None:
        # Only on a CPU is asking "any?" free; elsewhere it would wait for the device.
        if self.device.type == "cpu" and not bool(done.any()):
            return
        self._begin_episode(done, *self._sample_start())
        self._observation = self._observe()

    def _begin_episode(self, where: Tensor, joint_q: Tensor, joint_qd: Tensor) -> None:
        """Put the environments ``where`` ``[N]`` into the given states (dflex's conventions)."""
        rows = where.unsqueeze(1)
        velocity = self._from_dflex(joint_q, joint_qd)
        self._joint_q.copy_(torch.where(rows, joint_q, self._joint_q))
        self._joint_qd.copy_(torch.where(rows, velocity, self._joint_qd))
        self._action = self._action.masked_fill(rows, 0.0)
        self._steps.masked_fill_(where, 0)

    def _uniform(self, width: int) -> Tensor:
        """``[N, width]`` from U(-1, 1)."""
        return torch.rand(self.num_envs, width, generator=self._generator, device=self.device) * 2.0 - 1.0

    def _torch_stream(self) -> AbstractContextManager[Any]:
        """Kernels launched within join the order of torch's own on this device."""
        if self.device.type == "cpu":
            return nullcontext()
        stream = wp.stream_from_torch(torch.cuda.current_stream(self.device))
        # Nothing of ours is pending on Warp's own stream, and waiting for it would break graph capture.
        return wp.ScopedStream(stream, sync_enter=False)

    def _to_dflex(self, joint_q: Tensor, joint_qd: Tensor) -> Tensor:
        """``joint_qd`` of Newton's convention in dflex's; they differ for a free root only."""
        return joint_qd.clone()

    def _from_dflex(self, joint_q: Tensor, joint_qd: Tensor) -> Tensor:
        """The inverse of :meth:`_to_dflex`."""
        return joint_qd

    @abstractmethod
    def _articulation(self, builder: newton.ModelBuilder) -> tuple[list[Capsule], GroundContact]:
        """Add one articulation to ``builder``; returns its shape and its contact with the ground."""

    @abstractmethod
    def _sample_start(self) -> tuple[Tensor, Tensor]:
        """A random start state for every environment, in dflex's conventions."""

    @abstractmethod
    def _observe(self) -> Tensor:
        """``[N, obs_dim]`` of the present state, in memory of its own."""

    @abstractmethod
    def _reward(self, observation: Tensor, action: Tensor) -> Tensor:
        """``[N]`` of the observation before the step and the clipped action."""

    @abstractmethod
    def _terminated(self, observation: Tensor) -> Tensor:
        """``[N]`` bool of the observation after the step."""
