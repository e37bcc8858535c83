"""The critics' loss and the targets they learn."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from pwm.algorithms.actor_loss import Rollout
from pwm.algorithms.agent import Agent
from pwm.algorithms.td_lambda import td_lambda


class CriticLoss(nn.Module):
    """Mean squared error of every critic of the ensemble to the TD(lambda) targets."""

    def __init__(self, agent: Agent) -> None:
        super().__init__()
        self.critic = agent.critic

    def forward(self, state: Tensor, target: Tensor) -> Tensor:
        """The loss for states ``[n, latent_dim + task_dim]`` and targets ``[n]``."""
        value = self.critic(state)
        return mse_loss(value, target.expand_as(value))


@torch.no_grad()
def critic_data(agent: Agent, rollout: Rollout, gamma: float, lam: float) -> tuple[Tensor, Tensor]:
    """States ``[H * B, latent_dim + task_dim]`` and TD(lambda) targets ``[H * B]`` of a rollout, with
    the minimum over the critics as value."""
    tasks = agent.look_up(rollout.task)
    next_value = agent.value(rollout.next_latent, tasks)
    targets = td_lambda(rollout.reward, next_value, rollout.continues, rollout.closed, gamma, lam)
    return agent.with_task(rollout.latent, tasks).flatten(0, 1), targets.flatten()
