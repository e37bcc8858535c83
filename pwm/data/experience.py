"""Consecutive steps of all environments, as the epoch that made them hands them on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pwm.envs.base import Step


class Experience(NamedTuple):
    """``T`` consecutive steps of ``N`` environments. Time comes first."""

    observation: Tensor
    """``[T, N, obs_dim]`` what was acted on."""
    action: Tensor
    """``[T, N, act_dim]``."""
    reward: Tensor
    """``[T, N]``."""
    terminated: Tensor
    """``[T, N]`` bool."""
    truncated: Tensor
    """``[T, N]`` bool."""
    diverged: Tensor
    """``[T, N]`` bool."""
    final_observation: Tensor
    """``[T, N, obs_dim]`` what the action led to, before any reset."""

    @property
    def ended(self) -> Tensor:
        """``[T, N]`` bool: the episode ended with this step."""
        return self.terminated | self.truncated


def experience(taken: Sequence[tuple[Tensor, Tensor, Step]]) -> Experience:
    """Of the steps ``taken``: observation ``[N, obs_dim]``, action ``[N, act_dim]`` and what it gave."""
    observation, action, steps = zip(*taken, strict=True)
    _, reward, terminated, truncated, diverged, final = (
        torch.stack(part) for part in zip(*steps, strict=True)
    )
    return Experience(
        torch.stack(observation), torch.stack(action), reward, terminated, truncated, diverged, final
    )


def last_before(happened: Tensor) -> Tensor:
    """``[T, N]`` int64: the last time before each at which it ``happened`` (bool ``[T, N]``), or -1."""
    times = torch.arange(len(happened), device=happened.device)[:, None]
    marks = torch.where(happened, times, -1)
    return torch.cat([torch.full_like(marks[:1], -1), marks[:-1].cummax(0).values])
