"""SimNorm and Mish."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pwm.errors import UserError

GROUP = 8
"""Components of a latent that form one simplex."""


class Mish(nn.Module):
    """``x tanh(softplus(x))`` (arXiv 1908.08681), any shape."""

    def forward(self, x: Tensor) -> Tensor:
        return F.mish(x)


def simnorm(x: Tensor, group: int = GROUP) -> Tensor:
    """Softmax over each ``group`` consecutive components: ``[..., n]`` to ``[..., n]``, float32 or better."""
    if x.shape[-1] % group:
        raise UserError(f"SimNorm needs a multiple of {group} components, not {x.shape[-1]}")
    x = x if x.dtype == torch.float64 else x.float()
    return F.softmax(x.unflatten(-1, (-1, group)), dim=-1).flatten(-2)


class SimNorm(nn.Module):
    """Simplicial normalisation (TD-MPC2, arXiv 2310.16828): each group of components sums to 1."""

    def __init__(self, group: int = GROUP) -> None:
        super().__init__()
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        return simnorm(x, self.group)
