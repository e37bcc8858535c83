"""What finished training episodes returned, kept on the device."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pwm.data.experience import Experience, last_before

WINDOW = 100
"""Finished episodes that the reported return is a mean over, all processes together."""


class EpisodeStats(nn.Module):
    """Return and length of every running episode, and of the last ``window`` finished ones per task. An
    episode whose simulation diverged has no return; it is counted apart.

    Args:
        task: ``[N]`` int64, each environment's task.
        num_tasks: number of tasks.
        window: finished episodes to keep.
    """

    task: Tensor
    running: Tensor
    finished: Tensor
    count: Tensor
    diverged: Tensor

    def __init__(self, task: Tensor, num_tasks: int, window: int = WINDOW) -> None:
        super().__init__()
        device = task.device
        self.window = window
        self.register_buffer("task", task.clone())
        self.register_buffer("running", torch.zeros(len(task), 2, dtype=torch.float64, device=device))
        # One spare slot per task takes the writes of environments whose episode goes on.
        self.register_buffer(
            "finished", torch.zeros(num_tasks, window + 1, 2, dtype=torch.float64, device=device)
        )
        self.register_buffer("count", torch.zeros(num_tasks, dtype=torch.int64, device=device))
        self.register_buffer("diverged", torch.zeros(num_tasks, dtype=torch.int64, device=device))
        self._one_hot = torch.nn.functional.one_hot(task, num_tasks)

    @torch.no_grad()
    def add(self, seen: Experience) -> None:
        """Take consecutive steps of every environment."""
        lost, over = seen.diverged, seen.ended
        so_far = self._so_far(torch.where(lost, 0, seen.reward), over)
        ended = (over & ~lost).flatten()
        one_hot, task = self._one_hot.repeat(len(over), 1), self.task.repeat(len(over))
        order = (one_hot * ended[:, None]).cumsum(0)  # which of its task's endings, from 1
        mine = order.gather(1, task[:, None]).squeeze(1)
        total = order[-1]
        # If more end at once than the window holds, the last ones stay; so no slot is written twice.
        keep = ended & (mine > total[task] - self.window)
        slot = torch.where(keep, (self.count[task] + mine - 1) % self.window, self.window)
        self.finished[task, slot] = so_far.flatten(0, 1)
        self.count += total
        self.diverged += (self._one_hot * lost.sum(0)[:, None]).sum(0)
        self.running.copy_(so_far[-1].masked_fill(over[-1][:, None], 0))

    def _so_far(self, reward: Tensor, over: Tensor) -> Tensor:
        """``[T, N, 2]``: the return and the length, after each step, of the episode it belongs to."""
        steps = torch.stack([reward.double(), torch.ones_like(reward, dtype=torch.float64)], -1)
        total = steps.cumsum(0)
        last = last_before(over)[..., None]
        before = total.gather(0, last.clamp(min=0).expand_as(total))
        return total - torch.where(last < 0, -self.running, before)

    def sums(self) -> Tensor:
        """``[num_tasks, 4]``: the last finished episodes' summed returns, summed lengths and number, and how
        many episodes diverged so far."""
        kept = torch.arange(self.window, device=self.count.device) < self.count[:, None]
        total = (self.finished[:, : self.window] * kept[..., None]).sum(1)
        return torch.cat([total, kept.sum(1, keepdim=True).double(), self.diverged[:, None].double()], 1)
