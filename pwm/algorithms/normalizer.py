"""Running mean and variance, per task, equal on every process."""

from __future__ import annotations

import torch
import torch.distributed
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce


def _several_processes() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def sum_over_processes(value: Tensor) -> Tensor:
    """The sum of ``value`` over all processes; ``value`` itself when there is one."""
    if _several_processes():
        torch.distributed.all_reduce(value)
    return value


def moments(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance ``[dim]`` of ``values`` ``[..., dim]`` of all processes, which hold equally many
    each; the variance with gradient to the values of every process."""
    flat = values.flatten(0, -2)
    processes = torch.distributed.get_world_size() if _several_processes() else 1
    mean = sum_over_processes(flat.detach().mean(0)) / processes
    variance = (flat - mean).square().mean(0)
    return mean, all_reduce(variance) / processes if processes > 1 else variance


class RunningStats(nn.Module):
    """Mean and variance of everything seen so far, one set per group.

    Batches are merged by Chan's parallel update (Chan, Golub, LeVeque 1983) in float64, after
    their sums went over all processes, so that every process holds the same numbers.

    Args:
        dim: features.
        groups: sets of statistics, for instance tasks.
    """

    count: Tensor
    mean: Tensor
    squares: Tensor
    centre: Tensor
    scale: Tensor

    def __init__(self, dim: int, groups: int = 1) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(groups, 1, dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(groups, dim, dtype=torch.float64))
        self.register_buffer("squares", torch.zeros(groups, dim, dtype=torch.float64))
        # What :meth:`normalize` does, in the networks' precision: kept, since it is done at every step.
        self.register_buffer("centre", torch.zeros(groups, dim), persistent=False)
        self.register_buffer("scale", torch.ones(groups, dim), persistent=False)
        self.register_load_state_dict_post_hook(lambda *_: self._refresh())

    @torch.no_grad()
    def update(self, values: Tensor, group: Tensor, real: Tensor | None = None) -> None:
        """Merge ``values`` ``[..., dim]`` of groups ``group`` ``[...]`` (int64), but for those that ``real``
        ``[...]`` (bool) says are none."""
        flat, index = values.reshape(-1, self.mean.shape[1]).double(), group.reshape(-1)
        weight = torch.zeros(len(flat), len(self.count), dtype=torch.float64, device=flat.device)
        weight.scatter_(1, index[:, None], 1.0)  # [n, groups], one-hot
        if real is not None:
            weight.masked_fill_(~real.reshape(-1, 1), 0.0)
            flat = flat.masked_fill(~real.reshape(-1, 1), 0.0)
        count = sum_over_processes(weight.sum(0)[:, None])
        mean = sum_over_processes(weight.t() @ flat) / count.clamp(min=1)
        squares = sum_over_processes(weight.t() @ (flat - mean[index]).square())
        total = (self.count + count).clamp(min=1)
        delta = mean - self.mean
        self.squares += squares + delta.square() * self.count * count / total
        self.mean += delta * count / total
        self.count += count
        self._refresh()

    @torch.no_grad()
    def _refresh(self) -> None:
        """Bring ``centre`` and ``scale`` up to date. A feature that never varied (padding, say) becomes 0."""
        scale = torch.where(self.squares > 0, 1 / self.std, 0.0)
        self.scale.copy_(torch.where(self.count > 0, scale, 1.0))
        self.centre.copy_(self.mean)

    @property
    def std(self) -> Tensor:
        """``[groups, dim]``, 1 until something was seen."""
        variance = self.squares / self.count.clamp(min=1)
        return torch.where(self.count > 0, variance.add(1e-8).sqrt(), torch.ones_like(variance))

    def normalize(self, values: Tensor, group: Tensor) -> Tensor:
        """``(values - mean) / std`` of each one's group; ``values`` ``[..., dim]``, ``group`` ``[...]``.

        A feature that never varied (padding, say) is 0.
        """
        if len(self.centre) == 1:
            return (values - self.centre) * self.scale
        return (values - self.centre[group]) * self.scale[group]
