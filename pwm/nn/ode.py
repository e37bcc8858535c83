"""Fixed-step integration of ``dz/dtau = velocity(z, tau)`` from tau = 0 to 1."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from pwm.errors import choose_from

Velocity = Callable[[Tensor, float], Tensor]
"""``(z, tau) -> dz/dtau`` of ``z``'s shape; ``tau`` is a number in [0, 1]."""
Move = Callable[[Tensor, float], Tensor]
"""``(z, tau) -> h dz/dtau``: how far that velocity carries ``z`` in the time ``h`` of the :func:`unit`."""


def euler_step(move: Move, z: Tensor, tau: float, dt: float) -> Tensor:
    """``z + dt v(z, tau)``: first order, one evaluation; ``move`` is of ``dt``."""
    return z + move(z, tau)


def heun_step(move: Move, z: Tensor, tau: float, dt: float) -> Tensor:
    """``z + dt/2 (v(z, tau) + v(z + dt v(z, tau), tau + dt))``: second order, two evaluations; ``move`` is of
    ``dt/2``."""
    first = move(z, tau)
    half_way = z + first
    return half_way + move(half_way + first, tau + dt)


STEPS = {"euler": euler_step, "heun": heun_step}
UNITS = {"euler": 1.0, "heun": 0.5}


def unit(method: str, substeps: int) -> float:
    """The time that :func:`follow` asks for moves of. At the end of its path ``z`` has made all of them: both
    methods weigh all their evaluations alike."""
    return UNITS[method] / substeps


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
    h = unit(method, substeps)
    return follow(lambda point, tau: h * velocity(point, tau), z, method, substeps)


def follow(move: Move, z: Tensor, method: str, substeps: int) -> Tensor:
    """:func:`integrate` for whoever has moves at no more cost than velocities."""
    step, dt = STEPS[method], 1 / substeps
    for k in range(substeps):
        z = step(move, z, k * dt, dt)
    return z
