"""The policy."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pwm.nn.layers import ExactLinear, Linear, Mish

LOG_STD_INIT = -1.0
LOG_STD_MIN = -1.427


class Actor(nn.Module):
    """Tanh of a Gaussian whose mean is a network of ``[z, e]`` and whose deviation is one learned vector.

    Args:
        inputs: latent_dim + task_dim.
        act_dim: components of an action.
        units: widths of the hidden layers, each Linear, Mish, LayerNorm.
        init_scale: factor on the last layer's weights at initialisation. At 1 the first policy saturates
            the tanh; a small factor starts it near 0.
    """

    def __init__(self, inputs: int, act_dim: int, units: Sequence[int], init_scale: float = 1.0) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        sizes = [inputs, *units]
        for a, b in itertools.pairwise(sizes):
            layers += [_orthogonal(a, b, gain=2**0.5), Mish(), nn.LayerNorm(b)]
        layers.append(_orthogonal(sizes[-1], act_dim, gain=init_scale, kind=ExactLinear))
        self.mean = nn.Sequential(*layers)
        self.log_std = nn.Parameter(torch.full((act_dim,), LOG_STD_INIT))

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """Actions in (-1, 1) ``[..., act_dim]`` for inputs ``[..., latent_dim + task_dim]``: ``tanh`` of the
        mean, to which ``noise`` ``[..., act_dim]`` of :meth:`noise` is added if there is any."""
        mean = self.mean(x)
        return torch.tanh(mean if noise is None else mean + noise)

    def noise(self, *shape: int) -> Tensor:
        """What makes an action a sample, ``[*shape, act_dim]``, with gradient to the deviation; from torch's
        global random state."""
        std = self.log_std.clamp(min=LOG_STD_MIN).exp()
        return std * torch.randn(*shape, len(std), device=std.device, dtype=std.dtype)


def _orthogonal(inputs: int, outputs: int, gain: float, kind: type[Linear] = Linear) -> Linear:
    layer = kind(inputs, outputs)
    nn.init.orthogonal_(layer.weight, gain)
    return layer
