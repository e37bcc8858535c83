"""Conditional flow matching on straight paths (Lipman et al., arXiv 2210.02747)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import mse_loss


def straight_path(start: Tensor, end: Tensor, tau: Tensor) -> tuple[Tensor, Tensor]:
    """``z_tau = (1 - tau) start + tau end`` and its velocity ``end - start``.

    ``start`` and ``end`` are ``[..., n]``, ``tau`` is ``[..., 1]``; both results are ``[..., n]``.
    """
    velocity = end - start
    return torch.addcmul(start, tau, velocity), velocity


def flow_matching_errors(
    velocity: Callable[[Tensor, Tensor], Tensor], start: Tensor, end: Tensor, tau: Tensor | None = None
) -> Tensor:
    """Squared errors ``(v(z_tau, tau) - (end - start))^2`` of each component, with tau ~ U(0, 1) for every
    sample, or as given. Their mean is the loss of conditional flow matching.

    ``start`` and ``end`` are ``[..., n]``, ``velocity`` maps ``(z_tau [..., n], tau [..., 1])`` to
    ``[..., n]``; returns ``[..., n]``. A tau ``[..., 1]`` that is not given comes from torch's global random
    state.
    """
    tau = torch.rand_like(start[..., :1]) if tau is None else tau
    point, target = straight_path(start, end, tau)
    return mse_loss(velocity(point, tau), target, reduction="none")
