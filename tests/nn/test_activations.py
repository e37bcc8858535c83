"""Mish, SimNorm and centring against their definitions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from pwm.errors import UserError
from pwm.nn.activations import group_centered, mish, simnorm


def softmax_of_groups(x: Tensor) -> Tensor:
    return F.softmax(x.unflatten(-1, (-1, 8)), dim=-1).flatten(-2)


def less_group_mean(x: Tensor) -> Tensor:
    groups = x.unflatten(-1, (-1, 8))
    return (groups - groups.mean(-1, keepdim=True)).flatten(-2)


PAIRS = [(mish, F.mish), (simnorm, softmax_of_groups), (group_centered, less_group_mean)]


@pytest.mark.parametrize(("ours", "reference"), PAIRS)
@pytest.mark.parametrize("shape", [(16,), (3, 16), (2, 3, 512), (700, 512)])
def test_value_and_gradient(
    ours: Callable[[Tensor], Tensor], reference: Callable[[Tensor], Tensor], shape: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    x = (3 * torch.randn(shape)).requires_grad_()
    exact = x.detach().double().requires_grad_()
    weights = torch.randn(shape)
    y, expected = ours(x), reference(exact)
    (y * weights).sum().backward()
    (expected * weights).sum().backward()
    assert x.grad is not None and exact.grad is not None
    torch.testing.assert_close(y, expected.float(), atol=3e-6, rtol=1e-6)
    torch.testing.assert_close(x.grad, exact.grad.float(), atol=3e-6, rtol=1e-6)


@pytest.mark.parametrize("function", [mish, simnorm, group_centered])
def test_gradient_numerically(function: Callable[[Tensor], Tensor]) -> None:
    assert gradcheck(function, torch.randn(3, 16, dtype=torch.double, requires_grad=True))


@pytest.mark.parametrize("function", [simnorm, group_centered])
def test_second_derivative(function: Callable[[Tensor], Tensor]) -> None:
    assert gradgradcheck(function, torch.randn(2, 16, dtype=torch.double, requires_grad=True))


@pytest.mark.parametrize("size", [-1e4, -100.0, -20.0, 0.0, 20.0, 100.0, 1e4])
def test_mish_is_accurate_far_out(size: float) -> None:
    x = torch.tensor([size], requires_grad=True)
    y = mish(x)
    y.backward()
    assert x.grad is not None
    exact = torch.tensor([size], dtype=torch.double, requires_grad=True)
    expected = F.mish(exact)
    expected.backward()
    assert exact.grad is not None
    torch.testing.assert_close(y, expected.float(), rtol=1e-6, atol=1e-37)
    torch.testing.assert_close(x.grad, exact.grad.float(), rtol=1e-5, atol=1e-30)


def test_simnorm_of_large_and_distant_values_is_finite_and_sums_to_one() -> None:
    x = torch.randn(64, 32) * 1e4
    x[:, :8] -= 1e6
    p = simnorm(x)
    assert p.isfinite().all()
    torch.testing.assert_close(p.unflatten(-1, (-1, 8)).sum(-1), torch.ones(64, 4))


def test_strided_input() -> None:
    x = torch.randn(16, 6).t()
    torch.testing.assert_close(mish(x), F.mish(x))
    torch.testing.assert_close(simnorm(x), softmax_of_groups(x))


def test_empty_batch() -> None:
    assert mish(torch.empty(0, 16)).shape == (0, 16)
    assert simnorm(torch.empty(0, 16)).shape == (0, 16)


def test_half_precision() -> None:
    x = torch.randn(5, 16).bfloat16()
    assert mish(x).dtype == torch.bfloat16
    torch.testing.assert_close(mish(x), F.mish(x))
    p = simnorm(x)
    assert p.dtype == torch.float32
    torch.testing.assert_close(p.view(5, 2, 8).sum(-1), torch.ones(5, 2))


def test_nan_stays_visible() -> None:
    x = torch.zeros(2, 16)
    x[0, 3] = float("nan")
    assert mish(x).isnan().sum() == 1
    assert simnorm(x)[0, :8].isnan().all()
    assert simnorm(x)[1].isfinite().all()


def test_simnorm_refuses_a_broken_group() -> None:
    with pytest.raises(UserError, match="multiple of 8 components, not 12"):
        simnorm(torch.zeros(2, 12))
