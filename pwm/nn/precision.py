"""Full precision in the middle of mixed precision.

Under autocast matrix products take and return bfloat16, whose eight bits make 4.97 of a decoded reward of 5.
What is decoded, summed, squashed or kept as a statistic is computed outside it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor


def full_precision(device: torch.device) -> AbstractContextManager[Any]:
    """Within, operations on ``device`` keep their operands' types, autocast or not."""
    if not torch.is_autocast_enabled(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)


def widened(x: Tensor) -> Tensor:
    """``x`` in float32, or in float64 if it is."""
    return x if x.dtype == torch.float64 else x.float()


def exactly(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """``function`` of the widened ``x``, in full precision."""
    with full_precision(x.device):
        return function(widened(x))
