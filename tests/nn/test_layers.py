"""Linear layers, MLPs and ensembles."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import gradcheck

from pwm.nn.ensemble import EnsembleMLP
from pwm.nn.layers import Linear, Mish, NormedLinear, PairedLinear, SimNorm, join, mlp
from pwm.nn.linear import _dense, linear


def gradients(result: Tensor, inputs: list[Tensor]) -> list[Tensor]:
    torch.manual_seed(1)
    return list(torch.autograd.grad((result * torch.randn(result.shape).to(result)).sum(), inputs))


@pytest.mark.parametrize("lead", [(256,), (5, 60), (3,), ()])
@pytest.mark.parametrize("with_bias", [True, False])
def test_linear_is_f_linear(lead: tuple[int, ...], with_bias: bool) -> None:
    torch.manual_seed(0)
    inputs = [torch.randn(*lead, 77), torch.randn(130, 77)] + ([torch.randn(130)] if with_bias else [])
    ours = [x.clone().requires_grad_() for x in inputs]
    exact = [x.double().requires_grad_() for x in inputs]
    y, expected = linear(*ours), F.linear(*exact)
    torch.testing.assert_close(y, expected.float(), rtol=1e-5, atol=1e-4)
    for ours_grad, exact_grad in zip(gradients(y, ours), gradients(expected, exact), strict=True):
        torch.testing.assert_close(ours_grad, exact_grad.float(), rtol=1e-5, atol=2e-4)


def test_linear_of_strided_input_and_gradient() -> None:
    x = torch.randn(512, 300)[:, 100:200].requires_grad_()
    weight = torch.randn(64, 100, requires_grad=True)
    exact = F.linear(x.double(), weight.double())
    torch.testing.assert_close(linear(x, weight), exact.float(), rtol=1e-5, atol=1e-4)
    grad = torch.randn(64, 512).t()
    (ours,) = torch.autograd.grad(linear(x, weight), x, grad)
    torch.testing.assert_close(ours, grad @ weight, rtol=1e-5, atol=1e-4)


def test_onednn_is_given_no_gaps() -> None:
    """It computes with a block of a larger weight, too, but a thousand times slower."""
    whole = torch.randn(64, 160)
    for gapped in (whole[:, :96], whole[::2, :96], whole[:, 64:], torch.randn(192, 64).t()[:, ::2]):
        dense = _dense(gapped)
        assert dense.is_contiguous() and torch.equal(dense, gapped)
    for given in (whole, whole.t(), whole[3:9]):
        assert _dense(given) is given  # nothing is copied


def test_linear_second_derivative() -> None:
    """Under create_graph the backward pass is itself differentiable."""
    x = torch.randn(256, 80, requires_grad=True)
    weight = torch.randn(80, 80, requires_grad=True)

    def penalty(product: Tensor) -> Tensor:
        (grad,) = torch.autograd.grad(product.sin().sum(), x, create_graph=True)
        return torch.autograd.grad(grad.square().sum(), weight)[0]

    torch.testing.assert_close(penalty(linear(x, weight)), penalty(F.linear(x, weight)), rtol=1e-3, atol=0.1)


def test_linear_in_double_and_under_autocast() -> None:
    x, weight = torch.randn(3, 4).double().requires_grad_(), torch.randn(5, 4).double().requires_grad_()
    assert gradcheck(linear, (x, weight))
    with torch.autocast("cpu", torch.bfloat16):
        assert linear(torch.randn(256, 128), torch.randn(128, 128)).dtype == torch.bfloat16


def test_linear_is_deterministic() -> None:
    x, weight = torch.randn(512, 128), torch.randn(128, 128, requires_grad=True)
    first, second = (torch.autograd.grad(linear(x, weight).square().sum(), weight)[0] for _ in range(2))
    assert torch.equal(first, second)


def test_initialisation() -> None:
    layer = Linear(400, 300)
    assert layer.weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert layer.weight.mean().abs() < 1e-3
    assert layer.bias.abs().max() == 0


def test_mlp_is_linear_layernorm_mish_then_linear() -> None:
    network = mlp(10, [16, 24], 8)
    kinds = [type(layer) for layer in network]
    assert kinds == [NormedLinear, NormedLinear, Linear]
    x = torch.randn(5, 10)
    p = network.state_dict()
    expected = x
    for i in range(2):
        hidden = F.linear(expected, p[f"{i}.weight"], p[f"{i}.bias"])
        expected = F.mish(F.layer_norm(hidden, hidden.shape[-1:]))
    torch.testing.assert_close(network(x), F.linear(expected, p["2.weight"], p["2.bias"]))
    assert isinstance(network[0].act, Mish)
    assert isinstance(mlp(10, [16], 8, SimNorm())[-1].act, SimNorm)
    assert mlp(10, [16], 8, zero_output=True)(x).abs().max() == 0


def test_paired_linear_is_a_normed_linear_of_two_inputs() -> None:
    torch.manual_seed(0)
    paired, one = PairedLinear(4, 7, Mish()), NormedLinear(4, 7, Mish())
    one.load_state_dict(paired.state_dict())
    x, y = torch.randn(2, 3, 5, 4)
    torch.testing.assert_close(paired(torch.stack((x, x))), one(x))
    one.ln = paired.ln = torch.nn.Identity()  # type: ignore[assignment]
    torch.testing.assert_close(paired(torch.stack((x, y))), torch.cat((one(x)[..., :4], one(y)[..., 4:]), -1))


def test_parameter_names_are_those_of_tdmpc2() -> None:
    names = set(mlp(10, [16], 8, SimNorm()).state_dict())
    assert names == {f"{i}.{n}" for i in (0, 1) for n in ("weight", "bias", "ln.weight", "ln.bias")}


def test_join_broadcasts_and_skips() -> None:
    z, e, a = torch.randn(7, 5, 3), torch.randn(5, 2), torch.randn(7, 5, 1)
    joined = join(z, e, a)
    assert joined.shape == (7, 5, 6)
    assert torch.equal(joined[4, :, 3:5], e)
    assert torch.equal(join(z, None, a), torch.cat((z, a), -1))
    assert join(z, None) is z


def test_ensemble_is_its_members_one_by_one() -> None:
    """Against each member computed alone, from the ensemble's own parameters."""
    torch.manual_seed(0)
    ensemble = EnsembleMLP(3, 12, [20, 16], 1).double()
    for parameter in ensemble.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    x = torch.randn(4, 5, 12, dtype=torch.double)
    values = ensemble(x)
    assert values.shape == (3, 4, 5, 1)
    p = list(ensemble.parameters())
    for m in range(3):
        h = x
        for i in (0, 4):
            h = F.mish(F.linear(h, p[i][m], p[i + 1][m]))
            h = F.layer_norm(h, h.shape[-1:], p[i + 2][m], p[i + 3][m])
        torch.testing.assert_close(values[m], F.linear(h, p[8][m], p[9][m]))


def test_ensemble_in_single_precision_and_at_size() -> None:
    """Value and gradients against the same ensemble in double, where other kernels run."""
    torch.manual_seed(0)
    ensemble = EnsembleMLP(3, 64, [200, 100], 1)
    exact = copy.deepcopy(ensemble).double()
    x = torch.randn(300, 64)
    values, expected = ensemble(x), exact(x.double())
    torch.testing.assert_close(values, expected.float(), rtol=1e-4, atol=1e-5)
    ours = gradients(values, list(ensemble.parameters()))
    for gradient, reference in zip(ours, gradients(expected, list(exact.parameters())), strict=True):
        torch.testing.assert_close(gradient, reference.float(), rtol=1e-3, atol=1e-3)


def test_ensemble_starts_orthogonal_and_with_different_members() -> None:
    weight = next(EnsembleMLP(3, 64, [32], 1).parameters())
    for member in weight:
        torch.testing.assert_close(member @ member.T, 2 * torch.eye(32), atol=1e-5, rtol=0)
    assert not torch.allclose(weight[0], weight[1])
