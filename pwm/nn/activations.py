"""SimNorm and Mish, with forward and backward passes written for the CPU.

torch's own kernels for these two take most of a small network's time on a CPU: ``softmax`` over groups of 8
is not vectorised, and ``mish`` calls three transcendental functions per element and direction. On other
devices torch's kernels are used.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from pwm.errors import UserError
from pwm.nn.linear import linear
from pwm.nn.precision import full_precision, widened

GROUP = 8
"""Components of a latent that form one simplex."""

_CHUNK = 1 << 18
"""Elements that are worked on at a time, so that the intermediate results stay in the cache."""


def on_cpu(x: Tensor) -> bool:
    """Whether what is written for the CPU is to be used for ``x``."""
    return x.device.type == "cpu" and not torch.compiler.is_compiling()


def _mish_with_derivative(x: Tensor) -> tuple[Tensor, Tensor]:
    """``mish(x)`` and ``mish'(x)`` from one sigmoid.

    With ``s = sigmoid(x)`` and ``c = 1 - s``: ``tanh(softplus(x)) = s (1 + c) / (1 + c²)``, whose
    derivative is ``4 s c² / (1 + c²)²``. Nothing cancels or overflows.
    """
    y, d = torch.empty_like(x), torch.empty_like(x)
    one = torch.ones((), dtype=x.dtype)
    s, c = x.new_empty(2, min(_CHUNK, x.numel())).unbind()
    chunks = (t.view(-1).split(_CHUNK) for t in (x, y, d))
    for x_, y_, d_ in zip(*chunks, strict=True):
        s_, c_ = s[: len(x_)], c[: len(x_)]
        torch.sigmoid(x_, out=s_)
        torch.sub(one, s_, out=c_)
        torch.addcmul(one, c_, c_, out=y_).reciprocal_()
        torch.addcmul(s_, s_, c_, out=d_).mul_(y_)
        c_.mul_(y_).mul_(c_)
        s_.mul_(x_)
        torch.mul(x_, d_, out=y_)
        d_.addcmul_(s_, c_, value=4)
    return y, d


class _Mish(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y, derivative = _mish_with_derivative(widened(x).contiguous())
        ctx.save_for_backward(derivative.to(x.dtype))
        return y.to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (derivative,) = ctx.saved_tensors
        return grad * derivative


def mish(x: Tensor) -> Tensor:
    """``x tanh(softplus(x))``, any shape (arXiv 1908.08681). On the CPU differentiable once."""
    if not on_cpu(x):
        return F.mish(x)
    return _Mish.apply(x)


class Mish(nn.Module):
    """:func:`mish` as a module."""

    def forward(self, x: Tensor) -> Tensor:
        return mish(x)


def _product(groups: Tensor, matrix: Tensor) -> Tensor:
    """``groups`` ``[..., g]`` times a symmetric ``[g, g]``, in full precision also under autocast. It is
    vectorised, as torch's reductions over short groups are not, and leaves nothing to broadcast."""
    with full_precision(groups.device):
        return linear(groups, matrix)


def _group_sums(groups: Tensor) -> Tensor:
    """``[n, g]`` to ``[n, g]``, each row's sum in all its places."""
    return _product(groups, groups.new_ones(groups.shape[-1], groups.shape[-1]))


class _SimNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, group: int) -> Tensor:
        # Max pooling is the one vectorised maximum over short groups.
        top = F.max_pool1d(x.reshape(1, -1), group).view(-1, 1)
        p = torch.sub(x.reshape(-1, group), top).exp_()
        p = p.div_(_group_sums(p)).view_as(x)
        ctx.save_for_backward(p)
        ctx.group = group
        return p

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (p,) = ctx.saved_tensors
        weighted = p * grad
        sums = _group_sums(weighted.view(-1, ctx.group)).view_as(p)
        return torch.addcmul(weighted, p, sums, value=-1), None


def simnorm(x: Tensor, group: int = GROUP) -> Tensor:
    """Softmax over each ``group`` consecutive components, ``[..., n]`` to ``[..., n]``; half precision in,
    float32 out, so that a group's sum is 1 to float32's rounding.

    Raises:
        UserError: ``n`` is not a multiple of ``group``.
    """
    if x.shape[-1] % group:
        raise UserError(f"SimNorm needs a multiple of {group} components, not {x.shape[-1]}")
    x = widened(x)
    if not on_cpu(x) or x.numel() == 0:
        return F.softmax(x.unflatten(-1, (-1, group)), dim=-1).flatten(-2)
    return _SimNorm.apply(x, group)


class SimNorm(nn.Module):
    """Simplicial normalisation (TD-MPC2, arXiv 2310.16828): each group of components sums to 1."""

    def __init__(self, group: int = GROUP) -> None:
        super().__init__()
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        return simnorm(x, self.group)


def group_centered(x: Tensor, group: int = GROUP) -> Tensor:
    """``x`` ``[..., n]`` less the mean of each ``group`` consecutive components: every group sums to 0."""
    groups = x.unflatten(-1, (-1, group))
    if torch.compiler.is_compiling():
        return (groups - groups.mean(-1, keepdim=True)).flatten(-2)
    return _product(groups, _centering(group, x.dtype, x.device)).flatten(-2)


@cache
def _centering(group: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.eye(group, dtype=dtype, device=device) - 1 / group
