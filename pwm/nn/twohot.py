"""Scalars as categorical distributions over bins in symlog space (DreamerV3, arXiv 2301.04104)."""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from pwm.nn.precision import full_precision, widened

BINS = 101
LIMIT = 10.0
"""The bins' centres lie evenly on [-LIMIT, LIMIT] in symlog space."""


def symlog(x: Tensor) -> Tensor:
    """``sign(x) ln(1 + |x|)``, any shape (DreamerV3, equation 9)."""
    return torch.sign(x) * torch.log1p(torch.abs(x))


def symexp(x: Tensor) -> Tensor:
    """The inverse of :func:`symlog`: ``sign(x) (exp|x| - 1)``."""
    return torch.sign(x) * torch.expm1(torch.abs(x))


def two_hot(x: Tensor) -> Tensor:
    """Real scalars ``[...]`` to weights ``[..., BINS]`` on the two bins beside ``symlog(x)``.

    The weights are not negative, sum to 1, and their mean bin is ``symlog(x)``, clamped to the range.
    """
    position = (symlog(x).clamp(-LIMIT, LIMIT) + LIMIT) * ((BINS - 1) / (2 * LIMIT))
    return (1 - (position.unsqueeze(-1) - _bins(0.0, BINS - 1.0, x)).abs_()).clamp_(min=0)


def two_hot_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Soft cross-entropy of ``logits`` ``[..., BINS]`` to the two-hot code of real scalars ``target``
    ``[...]``; returns ``[...]``."""
    logits = widened(logits)
    return -(two_hot(target.to(logits.dtype)) * F.log_softmax(logits, dim=-1)).sum(-1)


def _bins(first: float, last: float, like: Tensor) -> Tensor:
    """``[BINS]`` evenly from ``first`` to ``last``, in the type of ``like``, kept."""
    return _evenly(first, last, like.dtype, like.device)


@cache
def _evenly(first: float, last: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.linspace(first, last, BINS, dtype=dtype, device=device)


def decode(logits: Tensor, scale: str = "real") -> Tensor:
    """The scalar that ``logits`` ``[..., BINS]`` stand for, ``[...]``: the mean bin, in symlog space
    (``scale="symlog"``) or on the real scale (``scale="real"``)."""
    logits = widened(logits)
    with full_precision(logits.device):
        mean = F.softmax(logits, dim=-1) @ _bins(-LIMIT, LIMIT, logits)
    return mean if scale == "symlog" else symexp(mean)
