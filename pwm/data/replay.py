"""Online replay: one preallocated ring on the device."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pwm.data.batch import Batch, Slices, Transitions
from pwm.data.experience import Experience, last_before
from pwm.errors import UserError
from pwm.memory import total_memory

MASKS = ("stored", "valid")
"""Where there is a transition that may be drawn, and where a slice may start."""


class Replay:
    """The newest ``capacity`` transitions of ``num_envs`` environments, without those of a simulation that
    diverged.

    Transitions are drawn uniformly from all that are stored of a task, whatever episode they are of. A slice
    must not cross an episode's end, so that a transition close before one is in few slices or, in an episode
    shorter than a slice, in none: slices are for what needs consecutive steps, and for nothing else. They are
    drawn uniformly over their starts: transitions from which ``horizon`` are stored, of which only the last
    may end an episode. Tasks are drawn alike, however many environments each has. No call synchronises with
    the device, but for :meth:`num_slices`.

    Args:
        capacity: transitions to keep; rounded down to a multiple of ``num_envs``.
        num_envs: environments that write one transition each per step.
        task: ``[num_envs]`` int64, the task of each environment, in ascending order.
        horizon: transitions per slice.

    Attributes:
        task_rows: ``[tasks, 2]`` int64, the first environment of each task and how many it has.

    Raises:
        UserError: if the ring cannot hold one slice per environment.
    """

    def __init__(
        self, capacity: int, num_envs: int, obs_dim: int, act_dim: int, horizon: int, task: Tensor
    ) -> None:
        rows = capacity // num_envs
        if rows <= horizon:
            raise UserError(
                f"replay_capacity={capacity} holds {rows} steps of {num_envs} environments, fewer than a "
                f"slice needs; use at least {num_envs * (horizon + 1)} or a shorter horizon"
            )
        device = task.device
        numbers = rows * num_envs * (2 * obs_dim + act_dim + 1)
        if device.type == "cpu" and 4 * numbers > total_memory():
            raise UserError(
                f"replay_capacity={capacity} takes {4e-9 * numbers:,.0f} GB of memory, and there are "
                f"{total_memory() / 1e9:,.0f}; lower it"
            )
        self.horizon, self.rows, self.num_envs, self.task = horizon, rows, num_envs, task
        self._ring = {
            "observation": torch.zeros(rows, num_envs, obs_dim, device=device),
            "final_observation": torch.zeros(rows, num_envs, obs_dim, device=device),
            "action": torch.zeros(rows, num_envs, act_dim, device=device),
            "reward": torch.zeros(rows, num_envs, device=device),
            "terminated": torch.zeros(rows, num_envs, dtype=torch.bool, device=device),
            "stored": torch.zeros(rows, num_envs, dtype=torch.bool, device=device),
            "valid": torch.zeros(rows, num_envs, dtype=torch.bool, device=device),
        }
        _, number = torch.unique_consecutive(task, return_counts=True)
        self.task_rows = torch.stack([number.cumsum(0) - number, number], 1)
        # Places are counted environment by environment, so that a task's lie side by side: where they end.
        self._ends = number.cumsum(0) * rows
        # Kept in place, so that a CUDA graph finds them.
        self._counts = {
            mask: torch.zeros(rows * num_envs, dtype=torch.int64, device=device) for mask in MASKS
        }
        # Of each task the marks before its own, its own, and how many tasks up to it have any.
        self._of_tasks = {
            mask: torch.zeros(3, len(number), dtype=torch.int64, device=device) for mask in MASKS
        }
        self._counted: set[str] = set()
        self._age = torch.zeros(num_envs, dtype=torch.int64, device=device)
        self._written = 0
        self._offsets = torch.arange(horizon, device=device)

    def __len__(self) -> int:
        """Transitions in the ring, those of a diverged simulation included."""
        return min(self._written, self.rows) * self.num_envs

    def add(self, seen: Experience) -> None:
        """Store consecutive steps of every environment, the next after those stored last; at most as many
        as the ring has rows."""
        steps, ring, real, ended = len(seen.reward), self._ring, ~seen.diverged, seen.ended
        times = torch.arange(steps, device=self._age.device)
        rows, times = (times + self._written) % self.rows, times[:, None]
        for key in ("observation", "action", "reward", "terminated", "final_observation"):
            ring[key].index_copy_(0, rows, getattr(seen, key))
        ring["stored"].index_copy_(0, rows, real)
        ring["valid"].index_fill_(0, rows, False)
        # How many steps of its episode a step is the last of.
        last = last_before(ended)
        age = times - torch.where(last < 0, -1 - self._age, last)
        starts = (rows - (self.horizon - 1)) % self.rows
        stays = times + self.rows > steps + self.horizon - 2  # not overwritten by a later one of these steps
        ring["valid"].index_copy_(0, starts, (age >= self.horizon) & real & stays)
        self._age.copy_(age[-1].masked_fill(ended[-1], 0))
        self._written += steps
        self._counted.clear()

    def num_slices(self) -> int:
        """Starts that :meth:`sample` can draw. Synchronises with the device."""
        return int(self._ring["valid"].sum())

    def prepare(self, slices: bool) -> None:
        """Do now what the first :meth:`sample` after an :meth:`add` would do."""
        for mask in MASKS if slices else MASKS[:1]:
            self._count(mask)

    def _count(self, mask: str) -> None:
        """Bring the running count of marks up to date; it stays as it is until something is added."""
        if mask not in self._counted:
            counts = torch.cumsum(self._ring[mask].t().flatten(), 0, out=self._counts[mask])
            ends = counts[self._ends - 1]
            first = torch.cat([torch.zeros_like(ends[:1]), ends[:-1]])
            torch.stack([first, ends - first, (ends > first).cumsum(0)], out=self._of_tasks[mask])
            self._counted.add(mask)

    def sample(self, batch_size: int, slices: bool) -> Batch:
        """``batch_size * horizon`` transitions and, where ``slices`` are wanted, ``batch_size`` of them, all
        with replacement, by torch's default random generator of the device. There must be some."""
        return Batch(self.transitions(batch_size * self.horizon), self.slices(batch_size) if slices else None)

    def transitions(self, count: int) -> Transitions:
        """``count`` transitions, uniform over a task's stored ones."""
        row, env = self._draw("stored", count)
        index = row * self.num_envs + env
        ring = {key: value.flatten(0, 1) for key, value in self._ring.items()}
        return Transitions(
            observation=ring["observation"][index],
            action=ring["action"][index],
            reward=ring["reward"][index],
            terminated=ring["terminated"][index],
            next_observation=ring["final_observation"][index],
            task=self.task[env],
        )

    def slices(self, count: int) -> Slices:
        """``count`` slices, uniform over a task's starts. Needs ``num_slices() > 0``."""
        start, env = self._draw("valid", count)
        rows = (start + self._offsets[:, None]) % self.rows  # [H, B]
        ring = self._ring
        last = ring["final_observation"][rows[-1], env]
        return Slices(
            observation=torch.cat([ring["observation"][rows, env], last[None]]),
            action=ring["action"][rows, env],
            reward=ring["reward"][rows, env],
            task=self.task[env],
        )

    def _draw(self, mask: str, count: int) -> tuple[Tensor, Tensor]:
        """Rows and environments ``[count]`` of places marked in ``mask``: each task that has marks is as
        likely, and within a task each place, found by inverting the running count of marks."""
        self._count(mask)
        counts = self._counts[mask]
        uniform = torch.rand(count, dtype=torch.float64, device=counts.device)
        # Never all of n marks: below 2^53, n (1 - 2^-53) rounds to less than n.
        if len(self.task_rows) == 1:
            nth = (uniform * counts[-1]).long()
        else:
            first, number, tasks = self._of_tasks[mask].unbind()
            share = uniform * tasks[-1]
            whole = share.long()
            task = torch.searchsorted(tasks, whole, right=True)
            nth = first[task] + ((share - whole) * number[task]).long()
        place = torch.searchsorted(counts, nth, right=True)
        return place % self.rows, place // self.rows

    def state_dict(self) -> dict[str, Any]:
        """Everything stored, without the ring's unused part."""
        rows = min(self._written, self.rows)
        ring = {key: value[:rows].clone() for key, value in self._ring.items()}
        return {"ring": ring, "age": self._age.clone(), "written": self._written}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned (for the same shape of ring)."""
        rows = len(state["ring"]["reward"])
        self._ring["stored"][:rows] = True  # checkpoints of before there was such a mark
        for key, value in state["ring"].items():
            self._ring[key][: len(value)] = value
        self._age.copy_(state["age"])
        self._written = int(state["written"])
        self._counted.clear()
