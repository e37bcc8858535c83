"""What every data source hands to the world model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor


class Transitions(NamedTuple):
    """``n`` transitions, each drawn by itself: uniformly from all that are stored."""

    observation: Tensor
    """``[n, obs_dim]``."""
    action: Tensor
    """``[n, act_dim]``."""
    reward: Tensor
    """``[n]``."""
    terminated: Tensor
    """``[n]`` bool."""
    next_observation: Tensor
    """``[n, obs_dim]`` what the action led to, before any reset."""
    task: Tensor
    """``[n]`` int64."""


class Slices(NamedTuple):
    """``B`` slices of ``H`` transitions, none of which crosses an episode's end. Time comes first."""

    observation: Tensor
    """``[H + 1, B, obs_dim]``: slice element t + 1 is what action t led to, before any reset."""
    action: Tensor
    """``[H, B, act_dim]``."""
    reward: Tensor
    """``[H, B]``."""
    task: Tensor
    """``[B]`` int64."""


class Batch(NamedTuple):
    """What one update of the world model learns from: ``B * H`` transitions and, for what carries latents
    along, ``B`` slices of ``H``."""

    transitions: Transitions
    slices: Slices | None

    def to(self, device: torch.device) -> Batch:
        """The same on ``device``."""
        slices = None if self.slices is None else Slices(*_moved(self.slices, device))
        return Batch(Transitions(*_moved(self.transitions, device)), slices)


def _moved(part: Iterable[Tensor], device: torch.device) -> list[Tensor]:
    if device.type == "cpu":
        return list(part)
    return [value.pin_memory().to(device, non_blocking=True) for value in part]
