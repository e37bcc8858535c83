"""What every data source hands to the world model."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """``B`` slices of ``H`` transitions, none of which crosses an episode's end. Time comes first."""

    observation: Tensor
    """``[H + 1, B, obs_dim]``: slice element t + 1 is what action t led to, before any reset."""
    action: Tensor
    """``[H, B, act_dim]``."""
    reward: Tensor
    """``[H, B]``."""
    terminated: Tensor
    """``[H, B]`` bool; only the last transition of a slice can be terminal."""
    task: Tensor
    """``[B]`` int64."""
