"""The actor's loss: first-order gradients of imagined returns through the world model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from pwm.algorithms.agent import Agent, Tasks
from pwm.envs.base import Step
from pwm.nn.precision import full_precision


class Rollout(NamedTuple):
    """``H`` imagined steps of ``B`` trajectories, without gradient; the critic learns from it."""

    latent: Tensor
    """``[H, B, latent_dim]`` what was acted on."""
    next_latent: Tensor
    """``[H, B, latent_dim]`` what the action led to, before any restart."""
    reward: Tensor
    """``[H, B]``."""
    continues: Tensor
    """``[H, B]`` the probability that the episode goes on; 0 at a termination."""
    closed: Tensor
    """``[H, B]`` bool, nothing of the same trajectory follows; True at the last step."""
    task: Tensor
    """``[B]`` int64."""


@contextmanager
def frozen(*modules: nn.Module | None) -> Iterator[None]:
    """Build a graph through ``modules`` that leaves out their parameters."""
    parameters = [p for m in modules if m is not None for p in m.parameters() if p.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


class ActorLoss(nn.Module):
    """``-mean(return / std(returns))`` of an imagined rollout (Georgiev et al. 2024, eq. 5).

    From ``z_0 = enc(o_0)``, ``a_t = tanh(actor(stop_gradient(z_t)))``; states and rewards come from
    the world model with gradient. A return is closed at the horizon with ``gamma^H min V(z_H)``;
    with a termination head every step's discount is also the probability of going on.

    In lockstep (``step_env`` given) the real environments take the same actions, and where one
    ends, the return is closed there, with the critic at a truncation and with 0 at a termination,
    and the latent restarts from the reset observation.

    Only the actor is a submodule, so that a distributed wrapper sees its parameters and no others.
    """

    agent: Agent

    def __init__(
        self, agent: Agent, horizon: int, gamma: float, normalize_return: bool, reward_scale: str
    ) -> None:
        super().__init__()
        self.actor = agent.actor
        object.__setattr__(self, "agent", agent)  # not a submodule
        self.horizon, self.gamma = horizon, gamma
        self.normalize_return, self.reward_scale = normalize_return, reward_scale

    def forward(
        self, observation: Tensor, task: Tensor, step_env: Callable[[Tensor], Step] | None = None
    ) -> tuple[Tensor, dict[str, Tensor], Rollout]:
        """The loss, its parts, and the rollout from raw observations ``[B, obs_dim]`` of ``task`` ``[B]``."""
        agent = self.agent
        with frozen(agent.world_model, agent.critic, agent.termination):
            tasks = agent.look_up(task)
            latent, next_latent, reward, continues, closed = self._imagine(observation, tasks, step_env)
            # Without restarts only the last step is closed: one value instead of H.
            first = 0 if step_env is not None else self.horizon - 1
            value = agent.value(next_latent[first:], tasks)
        returns = self._returns(reward, continues, closed, value, first)
        loss = self._loss(returns, task)
        parts = {
            "pi_loss": loss.detach(),
            "imagined_reward": reward.detach().mean(),
            "latent_min": next_latent.detach().amin(),
            **self._spreads(latent[0], tasks),
        }
        rollout = Rollout(latent, next_latent.detach(), reward.detach(), continues.detach(), closed, task)
        return loss, parts, rollout

    def _loss(self, returns: Tensor, task: Tensor) -> Tensor:
        """``-mean(returns / std)`` of returns ``[B]``, the deviation being that of all returns of the same
        task: one for all would let the task of the largest scale set the others' step."""
        stats = self.agent.return_stats
        if not self.normalize_return:
            return -returns.mean()
        stats.update(returns.detach()[:, None], task)
        own = one_hot(task, len(stats.std)).to(returns.dtype)  # [B, tasks]
        return -((returns[:, None] * own).mean(0) / stats.std.to(returns.dtype).squeeze(1)).sum()

    @torch.no_grad()
    def _spreads(self, latent: Tensor, tasks: Tasks) -> dict[str, Tensor]:
        """How much latents, and the policy's answers to them, differ between the start states: the standard
        deviation of a component. A policy that answers all states alike holds a pose and cannot walk."""
        action = self.agent.policy(latent, tasks, deterministic=True)
        return {
            "latent_spread": latent.std(0, correction=0).mean(),
            "action_spread": action.std(0, correction=0).mean(),
        }

    def _imagine(
        self, observation: Tensor, tasks: Tasks, step_env: Callable[[Tensor], Step] | None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        agent, model = self.agent, self.agent.world_model
        with torch.no_grad():
            z = agent.encode(observation, tasks)
        latents, next_latents, rewards, continues, closed = [], [], [], [], []
        for t in range(self.horizon):
            action = agent.policy(z, tasks)
            latents.append(z.detach())
            rewards.append(model.reward(z, action, tasks.embedding, self.reward_scale))
            z = model.next(z, action, tasks.embedding)
            next_latents.append(z)
            ended = torch.full_like(tasks.task, t == self.horizon - 1, dtype=torch.bool)
            if step_env is not None:
                with full_precision(action.device):  # a simulator is no network
                    step = step_env(action.detach())
                restart = step.terminated | step.truncated
                with torch.no_grad():
                    fresh = agent.encode(step.observation, tasks)
                z = torch.where(restart[:, None], fresh, z)
                ended = ended | restart
                continues.append((~step.terminated).to(rewards[-1].dtype))
            elif agent.termination is not None:
                continues.append(torch.sigmoid(-agent.termination_logits(z, tasks)))
            else:
                continues.append(torch.ones_like(rewards[-1]))
            closed.append(ended)
        return (
            torch.stack(latents),
            torch.stack(next_latents),
            torch.stack(rewards),
            torch.stack(continues),
            torch.stack(closed),
        )

    def _returns(
        self, reward: Tensor, continues: Tensor, closed: Tensor, value: Tensor, first: int
    ) -> Tensor:
        """``[B]``: the sum of each trajectory's closed returns, ``value`` being V(z_{t+1}) from step
        ``first`` on."""
        total, weight = torch.zeros_like(reward[0]), torch.ones_like(reward[0])
        for t in range(self.horizon):
            total = total + weight * reward[t]
            weight = self.gamma * weight * continues[t]
            if t >= first:
                total = total + closed[t] * weight * value[t - first]
            weight = torch.where(closed[t], torch.ones_like(weight), weight)
        return total
