"""The value function."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from pwm.nn.ensemble import EnsembleMLP


class Critic(nn.Module):
    """An ensemble of value networks of ``[z, e]``: Linear, Mish, LayerNorm per hidden layer, orthogonal."""

    def __init__(self, inputs: int, units: Sequence[int], ensemble: int = 3) -> None:
        super().__init__()
        self.ensemble = EnsembleMLP(ensemble, inputs, units, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Every member's value, ``[ensemble, ...]``, for inputs ``[..., latent_dim + task_dim]``."""
        return self.ensemble(x).squeeze(-1)
