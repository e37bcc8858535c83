"""The actor's loss: first-order gradients of imagined returns through the world model."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pwm.algorithms.agent import Agent, Tasks
from pwm.envs.base import Step
from pwm.nn.precision import full_precision, own_types


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


class ActorLoss(nn.Module):
    """``-mean(return / std(returns))`` of an imagined rollout (Georgiev et al. 2024, eq. 5).

    From ``z_0 = enc(o_0)``, ``a_t = tanh(actor(stop_gradient(z_t)))``; states and rewards come from
    the world model with gradient. A return is closed at the horizon with ``gamma^H min V(z_H)``;
    with a termination head every step's discount is also the probability of going on.

    In lockstep (``step_env`` given) the real environments take the same actions, and where one
    ends, the return is closed there, with the critic at a truncation and with 0 at a termination,
    and the latent restarts from the reset observation.

    The actor sees latents without gradient, so its own part of the chain rule is left for the end: what
    the loss has as gradient to all actions goes through the actor once, for all steps together. Only the
    actor is a submodule, so that a distributed wrapper sees its parameters and no others; those of the other
    networks need no gradient.
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
        """The loss, whose gradient is the actor's alone, its parts, and the rollout from raw observations
        ``[B, obs_dim]`` of ``task`` ``[B]``."""
        agent = self.agent
        tasks = agent.look_up(task)
        noise = self.actor.noise(self.horizon, len(task))
        loss, slope, rollout = self._slope(observation, tasks, noise.detach(), step_env)
        through_actor = (slope * agent.policy(rollout.latent, tasks, noise)).sum()
        parts = {
            "pi_loss": loss,
            "imagined_reward": rollout.reward.mean(),
            "latent_min": rollout.next_latent.amin(),
            **self._spreads(rollout.latent[0], tasks),
        }
        return loss + (through_actor - through_actor.detach()), parts, rollout

    @torch.enable_grad()
    def _slope(
        self, observation: Tensor, tasks: Tasks, noise: Tensor, step_env: Callable[[Tensor], Step] | None
    ) -> tuple[Tensor, Tensor, Rollout]:
        """The loss, its gradient ``[H, B, act_dim]`` to the actions, and the rollout."""
        actions: list[Tensor] = []
        rollout = self._imagine(observation, tasks, noise, actions, step_env)
        # Without restarts only the last step is closed: one value instead of H.
        value = self.agent.value(rollout.next_latent[0 if step_env is not None else -1 :], tasks)
        loss = self._loss(self._returns(rollout, value), tasks.task)
        with own_types(loss.device):  # as a backward pass is run
            slope = torch.autograd.grad(loss, actions, allow_unused=True, materialize_grads=True)
        return loss.detach(), torch.stack(slope), Rollout(*(part.detach() for part in rollout))

    def _loss(self, returns: Tensor, task: Tensor) -> Tensor:
        """``-mean(returns / std)`` of returns ``[B]``, the deviation being that of all returns of the same
        task: one for all would let the task of the largest scale set the others' step."""
        stats = self.agent.return_stats
        if not self.normalize_return:
            return -returns.mean()
        stats.update(returns.detach()[:, None], task)
        own = torch.eye(len(stats.std), dtype=returns.dtype, device=task.device)[task]  # [B, tasks]
        return -((returns[:, None] * own).mean(0) / stats.std.to(returns.dtype).squeeze(1)).sum()

    @torch.no_grad()
    def _spreads(self, latent: Tensor, tasks: Tasks) -> dict[str, Tensor]:
        """How much latents, and the policy's answers to them, differ between the start states: the standard
        deviation of a component. A policy that answers all states alike holds a pose and cannot walk."""
        action = self.agent.policy(latent, tasks)
        return {
            "latent_spread": latent.std(0, correction=0).mean(),
            "action_spread": action.std(0, correction=0).mean(),
        }

    def _imagine(
        self,
        observation: Tensor,
        tasks: Tasks,
        noise: Tensor,
        actions: list[Tensor],
        step_env: Callable[[Tensor], Step] | None,
    ) -> Rollout:
        """The rollout with gradient to its ``actions``, which it appends: ``H`` of ``[B, act_dim]``."""
        agent, model = self.agent, self.agent.world_model
        with torch.no_grad():
            z = agent.encode(observation, tasks)
        latents, next_latents, terminated, closed = [], [], [], []
        transition = model.transition(tasks.embedding)
        for step_noise in noise:
            with torch.no_grad():
                action = agent.policy(z, tasks, step_noise)
            actions.append(action.requires_grad_())
            latents.append(z)
            z = transition(z, action)
            next_latents.append(z)
            if step_env is not None:
                with full_precision(action.device):  # a simulator is no network
                    step = step_env(action.detach())
                restart = step.terminated | step.truncated
                with torch.no_grad():
                    fresh = agent.encode(step.observation, tasks)
                z = torch.where(restart[:, None], fresh, z)
                terminated.append(step.terminated)
                closed.append(restart)
        latent, next_latent = torch.stack(latents), torch.stack(next_latents)
        reward = model.reward(latent, torch.stack(actions), tasks.embedding, self.reward_scale)
        if terminated:
            continues = (~torch.stack(terminated)).to(reward.dtype)
        elif agent.termination is not None:
            continues = torch.sigmoid(-agent.termination_logits(next_latent, tasks))
        else:
            continues = torch.ones_like(reward)
        ended = torch.stack(closed) if closed else torch.zeros_like(reward, dtype=torch.bool)
        ended[-1] = True
        return Rollout(latent, next_latent, reward, continues, ended, tasks.task)

    def _returns(self, rollout: Rollout, value: Tensor) -> Tensor:
        """``[B]``: the sum of each trajectory's closed returns, ``value`` being V(z_{t+1}) of all steps or of
        the last alone, the only one that is then closed."""
        reward, discount = rollout.reward.unbind(), (self.gamma * rollout.continues).unbind()
        following = torch.addcmul(reward[-1], discount[-1], value[-1])
        total = torch.zeros_like(following)
        for t in reversed(range(self.horizon - 1)):
            if len(value) > 1:
                total = total + following * rollout.closed[t]
                following = torch.where(rollout.closed[t], value[t], following)
            following = torch.addcmul(reward[t], discount[t], following)
        return total + following
