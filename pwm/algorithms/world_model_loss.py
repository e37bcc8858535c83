"""The world model's loss: latent dynamics, reward, and termination where there is a head for it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pwm.algorithms.agent import Agent, Tasks
from pwm.algorithms.normalizer import moments
from pwm.data.batch import Batch, Slices, Transitions
from pwm.models.latent_space import SMALLEST_DEVIATION
from pwm.nn.precision import full_precision
from pwm.nn.twohot import two_hot_loss

SPREAD_FLOOR = 0.05
"""Deviation of a component of standardized latents that an encoder may draw it together to. An untrained
encoder's is about 0.1."""


class WorldModelLoss(nn.Module):
    """``(sum_t rho^t dynamics_t + mean_t rho^t reward_t) / H`` plus the termination head's.

    Two forms, by the latents the model is evaluated on; a mixture weighs them:

    * carried: ``z_0 = enc(o_0)`` and the model's own ``z_t`` from there on, with gradient
      (Georgiev et al. 2024, eq. 2 and 3);
    * one step: ``z_t = enc(o_t)`` for every t, all in one batched call ("simulation-free"). It needs no
      slices, and has none: a transition that ends an episode, and those just before it, are in few, so the
      transitions are drawn each by itself, and so they are for the termination head.

    With standardized latents a component's error is a share of its variance. An encoder makes an error small
    by drawing its latents together (the more so for a flow, whose target ``z* - z`` pulls ``z`` along), and a
    share of all components' variance by letting all of it lie in a few that are easily predicted. Below
    `SPREAD_FLOOR` the share's gradient goes through the variance, too, so that nothing is gained by that;
    above it does not, or the latents would be driven apart to the corners of their simplices.

    The targets ``enc(o_{t+1})`` carry no gradient. Only the trained networks are submodules, so that
    a distributed wrapper sees their parameters and no others.

    Args:
        agent: the networks and statistics.
        horizon: ``H``.
        carried: weight of the carried form, 0 to 1; the one-step form has the rest.
        dynamics_weight, reward_weight, termination_weight: factors of the terms.
        rho: temporal weight.
    """

    agent: Agent

    def __init__(
        self,
        agent: Agent,
        horizon: int,
        carried: float,
        dynamics_weight: float,
        reward_weight: float,
        termination_weight: float,
        rho: float,
    ) -> None:
        super().__init__()
        self.world_model, self.termination = agent.world_model, agent.termination
        object.__setattr__(self, "agent", agent)  # not a submodule
        self.horizon, self.carried, self.rho = horizon, carried, rho
        self.dynamics_weight, self.reward_weight = dynamics_weight, reward_weight
        self.termination_weight = termination_weight

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts, scalars."""
        transitions = batch.transitions
        tasks = self.agent.look_up(transitions.task)
        with torch.no_grad():
            targets = self.agent.encode(transitions.next_observation, tasks)
        if self.world_model.space.standardizes and self.training:
            mean, variance = moments(targets)
            self.world_model.space.update(mean, variance.sqrt())
        if self.carried < 1:
            dynamics, reward = self._one_step(transitions, tasks, targets)
        if self.carried > 0:
            assert batch.slices is not None
            carried = self._carried(batch.slices)
            if self.carried < 1:
                dynamics, reward = (
                    dynamics.lerp(carried[0], self.carried),
                    reward.lerp(carried[1], self.carried),
                )
            else:
                dynamics, reward = carried
        loss = torch.add(self.dynamics_weight * dynamics, reward, alpha=self.reward_weight)
        parts = {"dyn_loss": dynamics.detach(), "rew_loss": reward.detach()}
        if self.termination is not None:
            ended = self._termination(transitions, tasks, targets)
            loss = torch.add(loss, ended, alpha=self.termination_weight)
            parts["term_loss"] = ended.detach()
        return loss, parts | {"wm_loss": loss.detach()}

    def _one_step(self, batch: Transitions, tasks: Tasks, targets: Tensor) -> tuple[Tensor, Tensor]:
        """The dynamics and the reward term on encoded latents ``[n, latent_dim]``. Each transition has the
        mean weight of a slice's, so that both forms are of one size."""
        latents = self.agent.encode(batch.observation, tasks)
        errors = self.world_model.dynamics_errors(latents, batch.action, targets, tasks.embedding)
        weight = sum(self.rho**t for t in range(self.horizon)) / self.horizon
        reward = self._reward_loss(latents, batch.action, batch.reward, tasks).mean()
        return weight * self._shares(errors, latents).mean(), weight / self.horizon * reward

    def _carried(self, batch: Slices) -> tuple[Tensor, Tensor]:
        """The dynamics and the reward term on the model's own latents ``[H, B, latent_dim]``."""
        model, action = self.world_model, batch.action
        tasks = self.agent.look_up(batch.task)
        with torch.no_grad():
            targets = self.agent.encode(batch.observation[1:], tasks)
        carried, e = [self.agent.encode(batch.observation[0], tasks)], tasks.embedding
        transition = model.transition(e)
        for a in action[:-1]:
            carried.append(transition(carried[-1], a))
        latents = torch.stack(carried)
        # What was carried is also the prediction; the last one is only needed by the loss.
        errors = model.dynamics_errors(latents[:-1], action[:-1], targets[:-1], e, latents[1:])
        last = model.dynamics_errors(latents[-1:], action[-1:], targets[-1:], e)
        errors = self._shares(torch.cat([errors, last]), latents).mean(-1)
        weight = self._weights(errors)
        reward = self._reward_loss(latents, action, batch.reward, tasks)
        with full_precision(errors.device):
            dynamics = weight @ errors.mean(1)
        return dynamics / self.horizon, (weight * reward.mean(1)).mean() / self.horizon

    def _weights(self, like: Tensor) -> Tensor:
        """``rho^t`` ``[H]``."""
        return self.rho ** torch.arange(self.horizon, device=like.device, dtype=like.dtype)

    def _shares(self, errors: Tensor, latents: Tensor) -> Tensor:
        """Squared ``errors`` ``[..., latent_dim]``; where latents are standardized, as shares of the variance
        of ``latents``."""
        if not self.world_model.space.standardizes:
            return errors
        variance = moments(latents)[1] + SMALLEST_DEVIATION**2
        return errors / torch.where(variance > SPREAD_FLOOR**2, variance.detach(), variance)

    def _reward_loss(self, latents: Tensor, action: Tensor, reward: Tensor, tasks: Tasks) -> Tensor:
        """Soft cross-entropy ``[...]`` of the predicted to the real rewards ``[...]``."""
        logits = self.world_model.reward_logits(latents, action, tasks.embedding)
        return two_hot_loss(logits, self.agent.scale_reward(reward, tasks.task))

    def _termination(self, batch: Transitions, tasks: Tasks, targets: Tensor) -> Tensor:
        """Binary cross-entropy of the head on the encoded next observations."""
        logits = self.agent.termination_logits(targets, tasks)
        return F.binary_cross_entropy_with_logits(logits, batch.terminated.to(logits.dtype))
