"""Online replay: one preallocated ring on the device."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pwm.data.batch import Batch
from pwm.envs.base import Step
from pwm.errors import UserError


class Replay:
    """The newest ``capacity`` transitions of ``num_envs`` environments.

    Slices are drawn uniformly over the stored transitions that can start one (not over episodes):
    a start is valid when the ``horizon`` transitions from it on are stored and only the last of
    them may end an episode. Episodes shorter than that are stored and never drawn. No call
    synchronises with the device.

    Args:
        capacity: transitions to keep; rounded down to a multiple of ``num_envs``.
        num_envs: environments that write one transition each per :meth:`add`.
        task: ``[num_envs]`` int64, the task of each environment.
        horizon: transitions per slice.

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
        self.horizon, self.rows, self.num_envs, self.task = horizon, rows, num_envs, task
        self._ring = {
            "observation": torch.zeros(rows, num_envs, obs_dim, device=device),
            "final_observation": torch.zeros(rows, num_envs, obs_dim, device=device),
            "action": torch.zeros(rows, num_envs, act_dim, device=device),
            "reward": torch.zeros(rows, num_envs, device=device),
            "terminated": torch.zeros(rows, num_envs, dtype=torch.bool, device=device),
            "valid": torch.zeros(rows, num_envs, dtype=torch.bool, device=device),
        }
        self._age = torch.zeros(num_envs, dtype=torch.int64, device=device)
        self._written = 0
        self._offsets = torch.arange(horizon, device=device)

    def __len__(self) -> int:
        """Stored transitions."""
        return min(self._written, self.rows) * self.num_envs

    def add(self, observation: Tensor, action: Tensor, step: Step) -> None:
        """Store one transition of every environment: ``observation`` ``[N, obs_dim]`` was acted on
        with ``action`` ``[N, act_dim]`` and gave ``step``."""
        row, ring = self._written % self.rows, self._ring
        ring["observation"][row] = observation
        ring["action"][row] = action
        ring["reward"][row] = step.reward
        ring["terminated"][row] = step.terminated
        ring["final_observation"][row] = step.final_observation
        ring["valid"][row] = False
        self._age += 1
        self._written += 1
        ring["valid"][(row - self.horizon + 1) % self.rows] = (self._age >= self.horizon) & ~step.diverged
        self._age.masked_fill_(step.terminated | step.truncated, 0)

    def num_slices(self) -> int:
        """Starts that :meth:`sample` can draw. Synchronises with the device."""
        return int(self._ring["valid"].sum())

    def sample(self, batch_size: int) -> Batch:
        """``batch_size`` slices, uniform over the valid starts, with replacement. Drawn from
        torch's default random generator of the device. Needs ``num_slices() > 0``."""
        row, env = self._sample_starts(batch_size)
        rows = (row + self._offsets[:, None]) % self.rows  # [H, B]
        ring = self._ring
        last = ring["final_observation"][rows[-1], env]
        return Batch(
            observation=torch.cat([ring["observation"][rows, env], last[None]]),
            action=ring["action"][rows, env],
            reward=ring["reward"][rows, env],
            terminated=ring["terminated"][rows, env],
            task=self.task[env],
        )

    def _sample_starts(self, batch_size: int) -> tuple[Tensor, Tensor]:
        """Rows and environments ``[B]`` of valid starts, by inverting their running count."""
        valid = self._ring["valid"]
        before = valid.sum(1).cumsum(0)  # [rows], valid starts up to and with each row
        uniform = torch.rand(batch_size, dtype=torch.float64, device=valid.device)
        pick = (uniform * before[-1]).long().clamp_(max=before[-1] - 1).clamp_(min=0)
        row = torch.searchsorted(before, pick, right=True).clamp_(max=self.rows - 1)
        nth = pick - (before[row] - valid[row].sum(1))  # which of the row's valid starts
        env = (valid[row].cumsum(1) <= nth[:, None]).sum(1).clamp_(max=self.num_envs - 1)
        return row, env

    def state_dict(self) -> dict[str, Any]:
        """Everything stored, without the ring's unused part."""
        rows = min(self._written, self.rows)
        ring = {key: value[:rows].clone() for key, value in self._ring.items()}
        return {"ring": ring, "age": self._age.clone(), "written": self._written}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned (for the same shape of ring)."""
        for key, value in state["ring"].items():
            self._ring[key][: len(value)] = value
        self._age.copy_(state["age"])
        self._written = int(state["written"])
