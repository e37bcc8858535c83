"""Which imagined states end the episode."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from pwm.nn.layers import ExactLinear, join, mlp


class TerminationHead(nn.Module):
    """Logits of P(terminated | z', e), z' the latent a transition led to. Not part of the world model, whose
    parameter counts are those of TD-MPC2."""

    def __init__(self, latent_dim: int, task_dim: int, units: Sequence[int]) -> None:
        super().__init__()
        self.net = mlp(latent_dim + task_dim, units, 1, last=ExactLinear)

    def forward(self, z: Tensor, e: Tensor | None) -> Tensor:
        """Logits ``[...]`` for latents ``[..., latent_dim]`` and embeddings ``[..., task_dim]`` (or None)."""
        return self.net(join(z, e)).squeeze(-1)
