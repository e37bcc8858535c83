"""Small stand-ins with known behaviour."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pwm.envs.base import Step


class CountingEnv:
    """Environments whose observation is ``(episode, step, environment)`` and whose episodes last a given
    number of steps; ``terminates`` says whether they end by termination or by truncation.

    The reward of a step is the number of the step in its episode, from 1.
    """

    def __init__(
        self, lengths: list[int], terminates: bool = False, act_dim: int = 2, task: list[int] | None = None
    ) -> None:
        self.name = "counting"
        self.num_envs, self.obs_dim, self.act_dim = len(lengths), 3, act_dim
        self.device = torch.device("cpu")
        self.tasks: tuple[str, ...] = ("counting",)
        self.task = torch.tensor(task or [0] * self.num_envs)
        self.action_mask = torch.ones(self.num_envs, act_dim)
        self.episode_length = torch.tensor(lengths)
        self.generators = None
        self.terminates = terminates
        self.episode = torch.zeros(self.num_envs)
        self.count = torch.zeros(self.num_envs)
        self.actions: list[Tensor] = []

    def _observation(self) -> Tensor:
        return torch.stack([self.episode, self.count, torch.arange(self.num_envs).float()], 1)

    def reset(self) -> Tensor:
        self.count.zero_()
        return self._observation()

    def step(self, action: Tensor) -> Step:
        self.actions.append(action.clone())
        self.count += 1
        reward, final = self.count.clone(), self._observation()
        ended = self.count >= self.episode_length
        self.episode += ended
        self.count.masked_fill_(ended, 0)
        never = torch.zeros_like(ended)
        terminated, truncated = (ended, never) if self.terminates else (never, ended)
        return Step(self._observation(), reward, terminated, truncated, never, final)

    def prepare(self, steps: int) -> None: ...

    def forward_velocity(self, observation: Tensor) -> Tensor:
        return observation[..., 1]

    def state_dict(self) -> dict[str, Any]:
        return {"episode": self.episode.clone(), "count": self.count.clone()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.episode, self.count = state["episode"].clone(), state["count"].clone()
