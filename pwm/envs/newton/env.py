"""What the Newton environments share: state, stepping, episodes, exact resumption."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, NamedTuple

import newton
import torch
import warp as wp
from torch import Tensor

from pwm.envs import randomness
from pwm.envs.base import DT, Capsule, Step, diverged
from pwm.envs.newton.solver import GroundContact, SubsteppingSolver


def cos_sin(angle: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine of ``angle``, in memory shared with each other.

    On a CPU torch's own ``cos`` and ``sin`` start threads for a handful of numbers (through MKL), which
    takes milliseconds on a busy machine.
    """
    unit = torch.view_as_real(torch.polar(torch.ones_like(angle), angle))
    return unit[..., 0], unit[..., 1]


def turned(quaternion: Tensor, point: Tensor) -> Tensor:
    """``point`` ``[..., 3]`` rotated by ``quaternion`` ``[..., 4]`` (xyzw), which may be broadcast."""
    axis, w = quaternion[..., :3].expand_as(point), quaternion[..., 3:]
    turn = torch.linalg.cross(axis, point)
    return point + 2.0 * (w * turn + torch.linalg.cross(axis, turn))


class _Start(NamedTuple):
    """Where each environment's next episode begins, and what is seen there."""

    joint_q: Tensor
    joint_qd: Tensor
    """In Newton's convention."""
    observation: Tensor


class NewtonEnv(ABC):
    """Identical articulations driven by joint torques, y up, with the conventions of dflex.

    The reward of a step is that of the observation before it and the clipped action. An episode is
    truncated after ``episode_length`` steps unless it terminates at that very step, and where its simulation
    diverges, which leaves the other environments untouched.

    Options of every one:
        episode_length: steps after which an episode is truncated.
        mass_matrix_interval: substeps after which the mass matrix is made anew.
    """

    NAME: ClassVar[str]
    OPTIONS: ClassVar[tuple[str, ...]] = ("episode_length", "mass_matrix_interval")
    CHOICES: ClassVar[Mapping[str, Collection[str]]] = {}
    """The values that an option may have, where they are names."""
    EPISODE_LENGTH: ClassVar[int] = 1000
    OBS_DIM: ClassVar[int]
    ACTUATED: ClassVar[slice]
    """The actuated entries of ``joint_qd``."""
    STRENGTH: ClassVar[float | tuple[float, ...]]
    """Joint torque [N m] or force [N] at action 1, of all or of each."""
    SUBSTEPS: ClassVar[int]
    MASS_MATRIX_INTERVAL: ClassVar[int] = 16
    """Substeps after which the mass matrix is made anew, as in published runs."""
    PLANAR: ClassVar[bool] = False
    """Whether it moves in the plane z = 0 only."""

    def __init__(
        self,
        num_envs: int,
        device: torch.device,
        seed: int,
        auto_reset: bool,
        episode_length: int | None = None,
        mass_matrix_interval: int | None = None,
    ) -> None:
        self._interval = mass_matrix_interval or self.MASS_MATRIX_INTERVAL
        length = self.EPISODE_LENGTH if episode_length is None else episode_length
        self.name = self.NAME
        self.num_envs = num_envs
        self.device = device
        self.obs_dim = self.OBS_DIM
        self.act_dim = self.ACTUATED.stop - self.ACTUATED.start
        self.tasks: tuple[str, ...] = (self.name,)
        self.task = torch.zeros(num_envs, dtype=torch.int64, device=device)
        self.action_mask = torch.ones(num_envs, self.act_dim, device=device)
        self.episode_length = torch.full((num_envs,), length, device=device)
        self._auto_reset = auto_reset
        self._asks = device.type == "cpu"  # whether an episode ended: elsewhere it would wait for the device
        self._generator = torch.Generator(device).manual_seed(seed)
        self.generators = (self._generator,)
        self._starts: list[_Start] = []
        self._strength = torch.tensor(self.STRENGTH, device=device)
        self._streams: dict[int, wp.Stream] = {}
        # A CUDA graph knows these by their addresses, so all of them are written in place.
        self._action = torch.zeros(num_envs, self.act_dim, device=device)
        self._steps = torch.zeros(num_envs, dtype=torch.int64, device=device)
        self._observation = torch.zeros(num_envs, self.obs_dim, device=device)
        self._build()
        self.reset()

    def _build(self) -> None:
        """The Newton model of all environments, and torch views of its state and torques."""
        template = newton.ModelBuilder(up_axis=newton.Axis.Y)
        capsules, contact = self._articulation(template)
        self.capsules, self.planar = tuple(capsules), self.PLANAR
        scene = newton.ModelBuilder(up_axis=newton.Axis.Y)
        scene.replicate(template, self.num_envs)
        # Validation would replace dflex's inertias, which no real body has, by physical ones.
        model = scene.finalize(device=str(self.device), skip_validation_inertia=True)
        self._solver = SubsteppingSolver(model, contact, self.SUBSTEPS, self._interval)
        self._state, self._control = model.state(), model.control()
        self._joint_q = wp.to_torch(self._state.joint_q).view(self.num_envs, -1)
        self._joint_qd = wp.to_torch(self._state.joint_qd).view(self.num_envs, -1)
        torque = wp.to_torch(self._control.joint_f).view(self.num_envs, -1)
        self._torque = torque[:, self.ACTUATED]
        wp.synchronize_device(model.device)

    def reset(self) -> Tensor:
        """Start a new episode everywhere; returns the observation ``[N, obs_dim]``."""
        return self._begin_everywhere(*self._sample_start(self.num_envs))

    def step(self, action: Tensor) -> Step:
        """Advance by 1/60 s with ``action`` ``[N, act_dim]``, clipped to [-1, 1].

        Raises:
            ValueError: an action of another shape.
        """
        if action.shape != self._action.shape:
            raise ValueError(f"expected actions {list(self._action.shape)}, got {list(action.shape)}")
        torch.clamp(action.detach(), -1.0, 1.0, out=self._action)
        reward = self._reward(self._observation, self._action)
        torch.mul(self._action, self._strength, out=self._torque)
        with self._torch_stream():
            self._solver.step(self._state, self._state, self._control, None, DT)
        self._steps += 1
        final_observation = self._observe(self._joint_q, self._joint_qd, self._action)
        lost = diverged(reward, final_observation)
        terminated = self._terminated(final_observation) & ~lost
        truncated = ((self._steps >= self.episode_length) & ~terminated) | lost
        observation = final_observation
        if self._auto_reset:
            observation = self._reset_where(terminated | truncated, final_observation)
        self._observation.copy_(observation)
        return Step(observation, reward, terminated, truncated, lost, final_observation)

    def prepare(self, steps: int) -> None:
        """Draw the start states of the next ``steps`` steps. On a CPU they are drawn when one is needed:
        there asking whether an episode ended is free, and few have."""
        if not self._asks and self._auto_reset:
            self._starts = self._draw_starts(steps)

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
        return self._begin_everywhere(joint_q.to(self._joint_q), joint_qd.to(self._joint_qd))

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
        for key, tensor in held.items():
            tensor.copy_(state[key])
        self._starts = []
        randomness.resume(self._generator, state["generator"])
        self._observation.copy_(self._observe(self._joint_q, self._joint_qd, self._action))

    def forward_velocity(self, observation: Tensor) -> Tensor:
        """``[..., N]`` m/s, nan where there is no such notion."""
        return torch.full_like(observation[..., 0], float("nan"))

    def segments(self) -> Tensor:
        """``[N, S, 2, 3]`` m: where the ends of the ``capsules`` are now."""
        with self._torch_stream():
            newton.eval_fk(self._solver.model, self._state.joint_q, self._state.joint_qd, self._state)
        pose = wp.to_torch(self._state.body_q).view(self.num_envs, -1, 7)
        pose = pose[:, [capsule.body for capsule in self.capsules], None]
        ends = [(capsule.start, capsule.end) for capsule in self.capsules]
        point = torch.tensor(ends, device=self.device).expand(self.num_envs, -1, -1, -1)
        return pose[..., :3] + turned(pose[..., 3:], point)

    def _reset_where(self, done: Tensor, observation: Tensor) -> Tensor:
        """Begin an episode in the environments ``done`` ``[N]``; returns what to act on next: there the
        start, elsewhere ``observation``, that of the present state."""
        if self._asks and not bool(done.any()):
            return observation
        start = self._starts.pop(0) if self._starts else self._draw_starts(1)[0]
        rows = done.unsqueeze(1)
        torch.where(rows, start.joint_q, self._joint_q, out=self._joint_q)
        torch.where(rows, start.joint_qd, self._joint_qd, out=self._joint_qd)
        self._action.masked_fill_(rows, 0.0)
        self._steps.masked_fill_(done, 0)
        return torch.where(rows, start.observation, observation)

    def _draw_starts(self, times: int) -> list[_Start]:
        """So many times a random start for every environment, with what is seen there."""
        joint_q, joint_qd = self._sample_start(times * self.num_envs)
        joint_qd = self._from_dflex(joint_q, joint_qd)
        action = torch.zeros(len(joint_q), self.act_dim, device=self.device)
        parts = (joint_q, joint_qd, self._observe(joint_q, joint_qd, action))
        return [_Start(*part) for part in zip(*(p.split(self.num_envs) for p in parts), strict=True)]

    def _begin_everywhere(self, joint_q: Tensor, joint_qd: Tensor) -> Tensor:
        """Begin all episodes in the given states (dflex's conventions); returns the observation."""
        self._joint_q.copy_(joint_q)
        self._joint_qd.copy_(self._from_dflex(joint_q, joint_qd))
        self._action.zero_()
        self._steps.zero_()
        self._observation.copy_(self._observe(self._joint_q, self._joint_qd, self._action))
        return self._observation.clone()

    def _uniform(self, count: int, width: int) -> Tensor:
        """``[count, width]`` from U(-1, 1)."""
        return torch.rand(count, width, generator=self._generator, device=self.device) * 2.0 - 1.0

    def _torch_stream(self) -> AbstractContextManager[Any]:
        """Kernels launched within join the order of torch's own on this device."""
        if self.device.type == "cpu":
            return nullcontext()
        current = torch.cuda.current_stream(self.device)
        if current.cuda_stream not in self._streams:
            self._streams[current.cuda_stream] = wp.stream_from_torch(current)
        # Nothing of ours is pending on Warp's own stream, and waiting for it would break graph capture.
        return wp.ScopedStream(self._streams[current.cuda_stream], sync_enter=False)

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
    def _sample_start(self, count: int) -> tuple[Tensor, Tensor]:
        """``count`` random start states, in dflex's conventions."""

    @abstractmethod
    def _observe(self, joint_q: Tensor, joint_qd: Tensor, action: Tensor) -> Tensor:
        """``[n, obs_dim]`` of states ``[n, nq]`` and ``[n, nqd]`` (Newton's conventions) after actions
        ``[n, act_dim]``, in memory of its own."""

    @abstractmethod
    def _reward(self, observation: Tensor, action: Tensor) -> Tensor:
        """``[N]`` of the observation before the step and the clipped action."""

    @abstractmethod
    def _terminated(self, observation: Tensor) -> Tensor:
        """``[N]`` bool of the observation after the step."""
