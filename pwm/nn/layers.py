"""The layers of TD-MPC2's networks (arXiv 2310.16828, section 3 and appendix)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pwm.nn.activations import Mish, SimNorm
from pwm.nn.linear import linear
from pwm.nn.precision import exactly


class Linear(nn.Linear):
    """``[..., in]`` to ``[..., out]``; weights truncated normal with deviation 0.02, bias 0."""

    def reset_parameters(self) -> None:
        nn.init.trunc_normal_(self.weight, std=0.02)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)


class ExactLinear(Linear):
    """A :class:`Linear` in full precision under autocast, too: for what is decoded or squashed next."""

    def forward(self, x: Tensor) -> Tensor:
        return exactly(super().forward, x)


class NormedLinear(Linear):
    """Linear, LayerNorm, activation, with the parameter names of TD-MPC2's checkpoints."""

    def __init__(self, in_features: int, out_features: int, activation: nn.Module) -> None:
        super().__init__(in_features, out_features)
        self.ln = nn.LayerNorm(out_features)
        self.act = activation

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.ln(super().forward(x)))


class PairedLinear(NormedLinear):
    """A :class:`NormedLinear` of two inputs, ``[2, ..., in]`` to ``[..., out]``: half of its outputs are of
    the one, half of the other. It has as many parameters as a layer of one input, and of one input twice it
    computes what that would."""

    def forward(self, x: Tensor) -> Tensor:
        halves = zip(x, self.halves(self.weight), self.halves(self.bias), strict=True)
        return self.act(self.ln(torch.cat([linear(*half) for half in halves], dim=-1)))

    def halves(self, rows: Tensor) -> tuple[Tensor, ...]:
        """What of ``rows`` ``[out, ...]`` is of the outputs of the one input, and what of the other's."""
        return rows.split([self.out_features - self.out_features // 2, self.out_features // 2])


def mlp(
    inputs: int,
    units: Sequence[int],
    outputs: int,
    activation: nn.Module | None = None,
    zero_output: bool = False,
    first: type[NormedLinear] = NormedLinear,
    last: type[Linear] = Linear,
) -> nn.Sequential:
    """``[..., inputs]`` to ``[..., outputs]``: Linear, LayerNorm, Mish for each of ``units``, then the
    output layer: Linear alone, or Linear, LayerNorm, ``activation`` where one is given.
    ``zero_output`` starts the output layer's weights at 0; ``first`` and ``last`` are the kinds of the first
    layer and of an output layer that is Linear alone."""
    sizes = [inputs, *units]
    layers: list[nn.Module] = [
        (NormedLinear if i else first)(a, b, Mish()) for i, (a, b) in enumerate(itertools.pairwise(sizes))
    ]
    width = sizes[-1]
    output = last(width, outputs) if activation is None else NormedLinear(width, outputs, activation)
    if zero_output:
        nn.init.zeros_(output.weight)
    return nn.Sequential(*layers, output)


def join(*parts: Tensor | None) -> Tensor:
    """``[..., a]`` and ``[..., b]`` side by side, ``[..., a + b]``; ``None`` is left out.

    Leading dimensions broadcast: a task embedding ``[B, e]`` joins latents ``[T, B, z]``.
    """
    given = [part for part in parts if part is not None]
    if len(given) == 1:
        return given[0]
    lead = given[0].shape[:-1]
    if any(part.shape[:-1] != lead for part in given):
        lead = torch.broadcast_shapes(*(part.shape[:-1] for part in given))
        given = [part.expand(*lead, part.shape[-1]) for part in given]
    return torch.cat(given, dim=-1)


__all__ = ["ExactLinear", "Linear", "Mish", "NormedLinear", "PairedLinear", "SimNorm", "join", "mlp"]
