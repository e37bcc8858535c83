"""The one interface between simulators and learning: a batch of environments as tensors."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

DT = 1.0 / 60.0
"""Seconds per step, in every environment."""

Point = tuple[float, float, float]


class Step(NamedTuple):
    """What one step of ``N`` environments returns."""

    observation: Tensor
    """``[N, obs_dim]`` what to act on next: where an episode ended and was reset, the first
    observation of the new episode."""
    reward: Tensor
    """``[N]``."""
    terminated: Tensor
    """``[N]`` bool: the task ended the episode (no value beyond it)."""
    truncated: Tensor
    """``[N]`` bool: the time limit ended the episode (value beyond it, so bootstrap), or the simulation
    diverged."""
    diverged: Tensor
    """``[N]`` bool: the simulation came to numbers that are not finite, so nothing is to be learned."""
    final_observation: Tensor
    """``[N, obs_dim]`` the observation the action led to, before any reset. Where the simulation diverged it
    shows as numbers that are not finite, here and in no other place."""


def diverged(reward: Tensor, final_observation: Tensor) -> Tensor:
    """``[N]`` bool: see :attr:`Step.diverged`. Environments end such an episode as truncated."""
    total = final_observation.sum(-1) + reward  # finite where all of them are
    return (total - total) != 0


class VectorEnv(Protocol):
    """``num_envs`` environments that step together on one device.

    Attributes:
        name: the environment's name, as :func:`pwm.envs.make` takes it.
        tasks: names of the tasks among the environments, in task-index order.
        task: ``[N]`` int64, each environment's index into ``tasks``.
        action_mask: ``[N, act_dim]`` 1 where an action component acts, 0 where it is padding.
        episode_length: ``[N]`` int64, steps after which an episode is truncated.
        generators: what all chance comes from, where a CUDA graph may hold :meth:`prepare` with as many steps
            as it was told; None where it may not.
    """

    name: str
    num_envs: int
    obs_dim: int
    act_dim: int
    device: torch.device
    tasks: tuple[str, ...]
    task: Tensor
    action_mask: Tensor
    episode_length: Tensor

    @property
    def generators(self) -> tuple[torch.Generator, ...] | None: ...

    def reset(self) -> Tensor:
        """Start a new episode everywhere; returns the observation ``[N, obs_dim]``."""
        ...

    def step(self, action: Tensor) -> Step:
        """Advance by one step with ``action`` ``[N, act_dim]`` (clipped to [-1, 1])."""
        ...

    def forward_velocity(self, observation: Tensor) -> Tensor:
        """``[..., N]`` m/s of observations ``[..., N, obs_dim]``; nan where a task has no such notion."""
        ...

    def prepare(self, steps: int) -> None:
        """Say that ``steps`` steps follow, so that what they need of chance may be drawn at once."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """All that :meth:`step` depends on (poses, velocities, last action, step counters, random
        state), as tensors and plain values, so that a resumed run continues bit for bit."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        ...


class Capsule(NamedTuple):
    """A part of a body: all that is within ``radius`` of a line; a sphere where the line is a point."""

    body: int
    """0 is the root."""
    start: Point
    """In the body's frame [m]."""
    end: Point
    radius: float
    """m."""


class Drawable(VectorEnv, Protocol):
    """A :class:`VectorEnv` of one task that can be drawn: y is up, and the ground, if any, at y = 0.

    Attributes:
        capsules: what an environment consists of; the first one starts at the root.
        planar: whether it moves in the plane z = 0 only, on a rail along x.
    """

    capsules: tuple[Capsule, ...]
    planar: bool

    def segments(self) -> Tensor:
        """``[N, S, 2, 3]`` m: where the ends of the ``capsules`` are now."""
        ...
