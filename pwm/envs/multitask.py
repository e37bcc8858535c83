"""Several environments as one: tasks side by side, zero-padded to a common shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from pwm.envs.base import Step, VectorEnv


class MultiTaskEnv:
    """A :class:`VectorEnv` made of others; environment rows are in the order of ``envs``.

    Observations and actions are zero-padded at the end to the largest of the tasks; a padded action
    component has no effect and ``action_mask`` 0. Rewards are each task's own.

    Args:
        envs: each task's own environments.
        tasks: the names of all tasks that a learner tells apart, in its order, where these are some of them.
        obs_dim, act_dim: its sizes, where they are larger.
    """

    def __init__(
        self, envs: Sequence[VectorEnv], tasks: Sequence[str] = (), obs_dim: int = 0, act_dim: int = 0
    ) -> None:
        self.envs = list(envs)
        self.name = "+".join(env.name for env in envs)
        self.num_envs = sum(env.num_envs for env in envs)
        self.obs_dim = max(obs_dim, *(env.obs_dim for env in envs))
        self.act_dim = max(act_dim, *(env.act_dim for env in envs))
        self.device = envs[0].device
        self.tasks = tuple(tasks) or tuple(env.name for env in envs)
        self.task = torch.cat([torch.full_like(env.task, self.tasks.index(env.name)) for env in envs])
        self.action_mask = torch.cat([self._pad(env.action_mask, self.act_dim) for env in envs])
        self.episode_length = torch.cat([env.episode_length for env in envs])
        generators = [env.generators for env in envs]
        self.generators = None if None in generators else tuple(g for own in generators for g in own or ())

    def reset(self) -> Tensor:
        return torch.cat([self._pad(env.reset(), self.obs_dim) for env in self.envs])

    def step(self, action: Tensor) -> Step:
        steps = self._each(action, lambda env, rows: env.step(rows[:, : env.act_dim]))
        return Step(
            torch.cat([self._pad(step.observation, self.obs_dim) for step in steps]),
            torch.cat([step.reward for step in steps]),
            torch.cat([step.terminated for step in steps]),
            torch.cat([step.truncated for step in steps]),
            torch.cat([step.diverged for step in steps]),
            torch.cat([self._pad(step.final_observation, self.obs_dim) for step in steps]),
        )

    def forward_velocity(self, observation: Tensor) -> Tensor:
        return torch.cat(
            self._each(observation, lambda env, rows: env.forward_velocity(rows[..., : env.obs_dim])), dim=-1
        )

    def prepare(self, steps: int) -> None:
        for env in self.envs:
            env.prepare(steps)

    def state_dict(self) -> dict[str, Any]:
        return {env.name: env.state_dict() for env in self.envs}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for env in self.envs:
            env.load_state_dict(state[env.name])

    def _each(self, rows: Tensor, function: Callable[[VectorEnv, Tensor], Any]) -> list[Any]:
        """``function`` of every environment and its rows ``[..., n, width]``."""
        parts = rows.split([env.num_envs for env in self.envs], dim=-2)
        return [function(env, part) for env, part in zip(self.envs, parts, strict=True)]

    @staticmethod
    def _pad(rows: Tensor, width: int) -> Tensor:
        return pad(rows, (0, width - rows.shape[-1]))
