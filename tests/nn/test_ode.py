"""The integrators on equations with known solutions."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pwm.errors import UserError
from pwm.nn.ode import Velocity, integrate


def decay(z: Tensor, tau: float) -> Tensor:
    return -z


def forced(z: Tensor, tau: float) -> Tensor:
    """Depends on tau too; from 1 the solution is exp(tau² / 2)."""
    return z * tau


CLOSED_FORM = [(decay, math.exp(-1.0)), (forced, math.exp(0.5))]


@pytest.mark.parametrize(("velocity", "solution"), CLOSED_FORM)
@pytest.mark.parametrize(("method", "tolerance"), [("euler", 2e-2), ("heun", 1e-4)])
def test_value(velocity: Velocity, solution: float, method: str, tolerance: float) -> None:
    z = integrate(velocity, torch.ones(2, 3, dtype=torch.double), method, 100)
    assert z.shape == (2, 3)
    torch.testing.assert_close(z, torch.full_like(z, solution), atol=tolerance, rtol=0)


@pytest.mark.parametrize(("velocity", "solution"), CLOSED_FORM)
@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("heun", 2)])
def test_order_of_convergence(velocity: Velocity, solution: float, method: str, order: int) -> None:
    steps = [16, 32, 64, 128]
    one = torch.ones((), dtype=torch.double)
    errors = [abs(integrate(velocity, one, method, k).item() - solution) for k in steps]
    slope = math.log(errors[0] / errors[-1]) / math.log(steps[-1] / steps[0])
    assert abs(slope - order) < 0.1


FACTORS = {"euler": lambda h: 1 - h, "heun": lambda h: 1 - h + h * h / 2}


@pytest.mark.parametrize("method", FACTORS)
def test_gradient_is_that_of_the_discrete_solution(method: str) -> None:
    """dz/dtau = -r z: the result is factor(r/K)^K z, so both derivatives have closed forms."""
    factor, substeps = FACTORS[method], 4
    start, rate = torch.tensor([1.5, 1.0], dtype=torch.double, requires_grad=True).unbind()
    result = integrate(lambda z, tau: -rate * z, start, method, substeps)
    expected = factor(rate / substeps) ** substeps * start
    torch.testing.assert_close(result, expected)
    torch.testing.assert_close(
        torch.autograd.grad(result, (start, rate), retain_graph=True),
        torch.autograd.grad(expected, (start, rate)),
    )


def test_gradient_approaches_that_of_the_exact_solution() -> None:
    z = torch.tensor(0.7, dtype=torch.double, requires_grad=True)
    integrate(lambda z, tau: z * (1 - z), z, "heun", 200).backward()
    exact = torch.tensor(0.7, dtype=torch.double, requires_grad=True)
    (1 / (1 + (1 / exact - 1) * math.exp(-1))).backward()
    torch.testing.assert_close(z.grad, exact.grad, atol=1e-5, rtol=0)


@pytest.mark.parametrize("method", ["euler", "heun"])
def test_velocity_is_asked_only_within_the_interval(method: str) -> None:
    times: list[float] = []

    def velocity(z: Tensor, tau: float) -> Tensor:
        times.append(tau)
        return z

    integrate(velocity, torch.ones(1), method, 4)
    assert min(times) == 0
    assert max(times) <= 1


def test_unknown_method_names_the_choices() -> None:
    with pytest.raises(UserError, match="'midpoint'.*euler, heun"):
        integrate(decay, torch.ones(1), "midpoint", 2)
