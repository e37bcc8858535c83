"""Several MLPs of one shape, evaluated together: one batched product per layer."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pwm.nn.activations import Mish
from pwm.nn.linear import batched_linear, linear
from pwm.nn.precision import exactly


class EnsembleLinear(nn.Module):
    """``[members, B, in]``, or ``[B, in]`` for all members alike, to ``[members, B, out]``; orthogonal
    weights, bias 0."""

    def __init__(self, members: int, inputs: int, outputs: int, gain: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(members, outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(members, outputs))
        for weight in self.weight.data:
            nn.init.orthogonal_(weight, gain)

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() == 3:
            return batched_linear(x, self.weight, self.bias.unsqueeze(1))
        members, outputs, _ = self.weight.shape
        side_by_side = linear(x, self.weight.flatten(0, 1), self.bias.flatten())
        return side_by_side.unflatten(1, (members, outputs)).transpose(0, 1)


class ExactEnsembleLinear(EnsembleLinear):
    """An :class:`EnsembleLinear` in full precision under autocast, too."""

    def forward(self, x: Tensor) -> Tensor:
        return exactly(super().forward, x)


class EnsembleLayerNorm(nn.Module):
    """LayerNorm over the last dimension with each member's own scale and shift: ``[members, B, n]``."""

    def __init__(self, members: int, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(members, features))
        self.bias = nn.Parameter(torch.zeros(members, features))

    def forward(self, x: Tensor) -> Tensor:
        normed = F.layer_norm(x, x.shape[-1:])
        return normed * self.weight.unsqueeze(1) + self.bias.unsqueeze(1)


class EnsembleMLP(nn.Module):
    """``[..., inputs]`` to ``[members, ..., outputs]``: Linear, Mish, LayerNorm per hidden layer, Linear."""

    def __init__(self, members: int, inputs: int, units: Sequence[int], outputs: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        sizes = [inputs, *units]
        for a, b in itertools.pairwise(sizes):
            layers += [EnsembleLinear(members, a, b, gain=2**0.5), Mish(), EnsembleLayerNorm(members, b)]
        layers.append(ExactEnsembleLinear(members, sizes[-1], outputs, gain=1.0))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.reshape(-1, x.shape[-1])).unflatten(1, x.shape[:-1])
