"""What finished training episodes returned, kept on the device."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pwm.envs.base import Step

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
    def add(self, step: Step) -> None:
        """Take one step of every environment."""
        lost = step.diverged
        self.running[:, 0] += step.reward
        self.running[:, 1] += 1
        ended = (step.terminated | step.truncated) & ~lost
        order = (self._one_hot * ended[:, None]).cumsum(0)  # which of its task's endings, from 1
        mine = order.gather(1, self.task[:, None]).squeeze(1)
        total = order[-1]
        # If more end at once than the window holds, the last ones stay; so no slot is written twice.
        keep = ended & (mine > total[self.task] - self.window)
        slot = torch.where(keep, (self.count[self.task] + mine - 1) % self.window, self.window)
        self.finished[self.task, slot] = self.running
        self.count += total
        self.diverged += (self._one_hot * lost[:, None]).sum(0)
        self.running.masked_fill_((ended | lost)[:, None], 0)

    def sums(self) -> Tensor:
        """``[num_tasks, 4]``: the last finished episodes' summed returns, summed lengths and number, and how
        many episodes diverged so far."""
        kept = torch.arange(self.window, device=self.count.device) < self.count[:, None]
        total = (self.finished[:, : self.window] * kept[..., None]).sum(1)
        return torch.cat([total, kept.sum(1, keepdim=True).double(), self.diverged[:, None].double()], 1)
