"""``F.linear`` with oneDNN's float32 matrix products on the CPU, forward and backward."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def _onednn(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(_dense(x), _dense(weight), bias, "none", [], "")


def _dense(x: Tensor) -> Tensor:
    """``x`` ``[n, m]`` without gaps between rows or columns: oneDNN takes a thousand times as long."""
    return x if x.is_contiguous() or x.t().is_contiguous() else x.contiguous()


def _available() -> bool:
    """Whether this build of torch has the operator and it computes what F.linear does."""
    if not torch.backends.mkldnn.is_available():
        return False
    x = torch.linspace(-1.0, 1.0, 64).view(4, 16)
    weight = torch.linspace(-1.0, 1.0, 128).view(8, 16)
    try:
        return torch.allclose(_onednn(x, weight, None), F.linear(x, weight), atol=1e-5)
    except (AttributeError, RuntimeError):
        return False


_ONEDNN = _available()
_SMALLEST = 1 << 14
"""Elements of a result below which the call costs more than the faster product saves."""


class _OneDnnLinear(torch.autograd.Function):
    """``y = x Wᵀ + b`` for ``x`` ``[n, in]``, ``W`` ``[out, in]``, ``b`` ``[out]``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _onednn(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        # A graph of the backward pass is wanted (create_graph): only differentiable operators will do.
        linear = F.linear if torch.is_grad_enabled() else _onednn
        need_x, need_weight, need_bias = ctx.needs_input_grad
        return (
            linear(grad, weight.t(), None) if need_x else None,
            linear(grad.t(), x.t(), None) if need_weight else None,
            grad.sum(0) if need_bias else None,
        )


def _faster(x: Tensor, weight: Tensor) -> bool:
    """Whether oneDNN is to compute ``x`` ``[..., in]`` by ``weight`` ``[out, in]``."""
    return (
        _ONEDNN
        and x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and x.numel() * weight.shape[-2] >= _SMALLEST * x.shape[-1]
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
    )


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``x Wᵀ + b``, as :func:`torch.nn.functional.linear`: ``[..., in]`` to ``[..., out]``.

    On the CPU torch hands float32 products to MKL, which on AMD processors runs at less than half
    the speed of oneDNN. Both are exact float32. Everything else (other devices and types, autocast,
    small products) goes to ``F.linear``.
    """
    if not _faster(x, weight):
        return F.linear(x, weight, bias)
    rows = x.reshape(-1, x.shape[-1])
    return _OneDnnLinear.apply(rows, weight, bias).view(*x.shape[:-1], weight.shape[0])


def batched_linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """``x[m] W[m]ᵀ + b[m]``: ``[M, B, in]``, ``[M, out, in]``, ``[M, 1, out]`` to ``[M, B, out]``.

    One batched product, but for float32 on the CPU, where oneDNN is faster even one by one.
    """
    if not _faster(x[0], weight[0]):
        return torch.baddbmm(bias, x, weight.mT)
    parts = zip(x.unbind(), weight.unbind(), bias.squeeze(1).unbind(), strict=True)
    return torch.stack([_OneDnnLinear.apply(*part) for part in parts])
