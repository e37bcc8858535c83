"""Full precision in the middle of mixed precision.

Under autocast matrix products take and return bfloat16, whose eight bits make 4.97 of a decoded reward of 5.
What is decoded, summed, squashed or kept as a statistic is computed outside it. With TF32 a GPU multiplies
float32 rounded to ten bits; there the same is true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor


def own_types(device: torch.device) -> AbstractContextManager[Any]:
    """Within, operations on ``device`` keep their operands' types, autocast or not."""
    if not torch.is_autocast_enabled(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Within, operations on ``device`` keep their operands' types and all their bits."""
    before = torch.get_float32_matmul_precision()
    rounds = before != "highest" and not torch.compiler.is_compiling()
    if rounds:
        torch.set_float32_matmul_precision("highest")
    try:
        with own_types(device):
            yield
    finally:
        if rounds:
            torch.set_float32_matmul_precision(before)


def cast_once(x: Tensor) -> Tensor:
    """``x`` as products take it here: for what is multiplied by many times, which autocast would cast each
    time."""
    kind = x.device.type
    return x.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else x


def widened(x: Tensor) -> Tensor:
    """``x`` in float32, or in float64 if it is."""
    return x if x.dtype == torch.float64 else x.float()


def exactly(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """``function`` of the widened ``x``, in full precision."""
    with full_precision(x.device):
        return function(widened(x))
