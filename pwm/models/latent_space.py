"""What a latent is: where it lies, how the networks see it, and how a dynamics moves it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pwm.errors import choose_from
from pwm.nn.activations import GROUP, simnorm

LATENTS = ("simnorm", "standardized", "observation")
MOMENTUM = 0.01
"""Share of a batch in the moving mean and deviation, once as many batches were seen as that takes."""
FIRST_DEVIATION = 0.1
"""Of a component before any batch was seen: about what an untrained encoder's have."""
SMALLEST_DEVIATION = 1e-3
SMALLEST_COMPONENT = 1e-6
"""Below it a component's logarithm is that of this value: a flow may leave the simplex."""


class LatentSpace(nn.Module):
    """One of three kinds of latents ``[..., dim]``.

    * ``simnorm``: on simplices, as TD-MPC2 has them. An MLP dynamics predicts the next latent itself.
    * ``standardized``: the same latents, but every network sees a component by its moving mean and deviation,
      and dynamics predict a change in units of the deviations. So seen, they stay as far apart as they were
      where an encoder draws them together, and an optimiser's steps as small beside them.
    * ``observation``: the normalised observation itself. Dynamics predict a change.

    Raises:
        UserError: unknown ``kind``.
    """

    mean: Tensor
    std: Tensor
    batches: Tensor

    def __init__(self, kind: str, dim: int) -> None:
        super().__init__()
        if kind not in LATENTS:
            raise choose_from("latent", kind, LATENTS)
        self.dim = dim
        self.simplex, self.standardizes = kind != "observation", kind == "standardized"
        self.relative = kind != "simnorm"
        """Whether an MLP dynamics predicts a change."""
        if self.standardizes:
            self.register_buffer("mean", torch.full((dim,), 1 / GROUP))
            self.register_buffer("std", torch.full((dim,), FIRST_DEVIATION))
            self.register_buffer("batches", torch.zeros(()))

    def view(self, z: Tensor) -> Tensor:
        """Latents as networks see them."""
        return (z - self.mean) / self.std if self.standardizes else z

    def view_change(self, change: Tensor) -> Tensor:
        """How :meth:`view` changes where latents change by ``change``."""
        return change / self.std if self.standardizes else change

    @torch.no_grad()
    def update(self, mean: Tensor, std: Tensor) -> None:
        """Take a batch's ``mean`` and ``std`` ``[dim]`` into the moving ones: all batches alike at first,
        later exponentially weighted. Only of a standardizing space."""
        self.batches += 1
        share = (1 / self.batches).clamp(min=MOMENTUM)
        self.mean.lerp_(mean, share)
        self.std.lerp_(std.clamp(min=SMALLEST_DEVIATION), share)

    def moved(self, z: Tensor, change: Tensor) -> Tensor:
        """``z`` changed by what an MLP predicted: added, on simplices to the logarithms."""
        if self.simplex:
            return simnorm(z.clamp(min=SMALLEST_COMPONENT).log() + change.float())
        return z + change.to(z.dtype)

    def own_units(self, velocity: Tensor) -> Tensor:
        """A velocity ``[..., dim]`` that a network predicted, in units of ``z``.

        A standardizing space takes each component to be in units of its own deviation, as networks see it:
        in one unit for all, an error that is small beside some components is large beside others. It then
        takes the nearest velocity, in those units, that leaves the sum of every group."""
        if not self.standardizes:
            return velocity
        std = self.std.unflatten(-1, (-1, GROUP))
        moved, variance = std * velocity.unflatten(-1, (-1, GROUP)), std.square()
        excess = moved.sum(-1, keepdim=True) / variance.sum(-1, keepdim=True)
        return (moved - variance * excess).flatten(-2)
