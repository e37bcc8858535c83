"""Fixed-step integration of ``dz/dtau = velocity(z, tau)`` from tau = 0 to 1."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from pwm.errors import choose_from

Velocity = Callable[[Tensor, float], Tensor]
"""``(z, tau) -> dz/dtau`` of ``z``'s shape; ``tau`` is a number in [0, 1]."""


def euler_step(velocity: Velocity, z: Tensor, tau: float, dt: float) -> Tensor:
    """``z + dt v(z, tau)``: first order, one evaluation."""
    return z.add(velocity(z, tau), alpha=dt)


def heun_step(velocity: Velocity, z: Tensor, tau: float, dt: float) -> Tensor:
    """``z + dt/2 (v(z, tau) + v(z + dt v(z, tau), tau + dt))``: second order, two evaluations."""
    first = velocity(z, tau)
    second = velocity(z.add(first, alpha=dt), tau + dt)
    return z.add(first + second, alpha=dt / 2)


STEPS = {"euler": euler_step, "heun": heun_step}


def integrate(velocity: Velocity, z: Tensor, method: str, substeps: int) -> Tensor:
    """The state at tau = 1 of the flow that is at ``z`` (any shape) at tau = 0.

    Args:
        velocity: the right-hand side; gradients flow through every evaluation.
        method: ``euler`` or ``heun``.
        substeps: number of equal steps.

    Raises:
        UserError: unknown ``method``.

    Example:
        >>> import torch
        >>> integrate(lambda z, tau: -z, torch.ones(1), "euler", 2)
        tensor([0.2500])
    """
    if method not in STEPS:
        raise choose_from("flow_integrator", method, STEPS)
    step, dt = STEPS[method], 1 / substeps
    for k in range(substeps):
        z = step(velocity, z, k * dt, dt)
    return z
