"""Straight paths and the flow-matching loss."""

from __future__ import annotations

import torch

from pwm.nn.flow import flow_matching_errors, straight_path
from pwm.nn.ode import integrate


def test_path_runs_straight_from_start_to_end() -> None:
    start, end = torch.randn(5, 8), torch.randn(5, 8)
    for tau in (0.0, 0.25, 1.0):
        point, velocity = straight_path(start, end, torch.full((5, 1), tau))
        torch.testing.assert_close(point, (1 - tau) * start + tau * end)
        torch.testing.assert_close(velocity, end - start)


def test_errors_are_zero_for_the_true_velocity_and_positive_otherwise() -> None:
    start, end = torch.randn(4, 3, 8), torch.randn(4, 3, 8)
    exact = flow_matching_errors(lambda z, tau: end - start, start, end)
    assert exact.shape == (4, 3, 8)
    assert exact.max() == 0
    off = flow_matching_errors(lambda z, tau: end - start + 2, start, end)
    torch.testing.assert_close(off, torch.full((4, 3, 8), 4.0))


def test_tau_is_uniform_and_drawn_for_every_sample() -> None:
    seen: list[torch.Tensor] = []

    def velocity(z: torch.Tensor, tau: torch.Tensor) -> torch.Tensor:
        seen.append(tau)
        return z

    torch.manual_seed(0)
    flow_matching_errors(velocity, torch.zeros(20_000, 8), torch.ones(20_000, 8))
    (tau,) = seen
    assert tau.shape == (20_000, 1)
    quantiles = torch.quantile(tau.flatten(), torch.linspace(0, 1, 11))
    torch.testing.assert_close(quantiles, torch.linspace(0, 1, 11), atol=0.02, rtol=0)


def test_a_velocity_without_error_carries_the_start_to_the_end() -> None:
    start, end = torch.randn(5, 8), torch.randn(5, 8)
    for method in ("euler", "heun"):
        torch.testing.assert_close(integrate(lambda z, tau: end - start, start, method, 4), end)
