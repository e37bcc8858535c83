"""The world model's loss: latent dynamics, reward, and termination where there is a head for it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pwm.algorithms.agent import Agent, Tasks
from pwm.algorithms.normalizer import moments
from pwm.data.batch import Batch
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
    * one step: ``z_t = enc(o_t)`` for every t, all in one batched call ("simulation-free").

    With standardized latents a component's error is a share of its variance. An encoder makes an error small
    by drawing its latents together (the more so for a flow, whose target ``z* - z`` pulls ``z`` along), and a
    share of all components' variance by letting all of it lie in a few that are easily predicted. Below
    `SPREAD_FLOOR` the share's gradient goes through the variance, too, so that nothing is gained by that;
    above it does not, or the latents would be driven apart to the corners of their simplices.

    The targets ``enc(o_{t+1})`` carry no gradient. Only the trained networks are submodules, so that
    a distributed wrapper sees their parameters and no others.

    Args:
        agent: the networks and statistics.
        carried: weight of the carried form, 0 to 1; the one-step form has the rest.
        dynamics_weight, reward_weight, termination_weight: factors of the terms.
        rho: temporal weight.
    """

    agent: Agent

    def __init__(
        self,
        agent: Agent,
        carried: float,
        dynamics_weight: float,
        reward_weight: float,
        termination_weight: float,
        rho: float,
    ) -> None:
        super().__init__()
        self.world_model, self.termination = agent.world_model, agent.termination
        object.__setattr__(self, "agent", agent)  # not a submodule
        self.carried, self.rho = carried, rho
        self.dynamics_weight, self.reward_weight = dynamics_weight, reward_weight
        self.termination_weight = termination_weight

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its parts, scalars, over a batch of ``B`` slices of ``H`` transitions."""
        tasks = self.agent.look_up(batch.task)
        with torch.no_grad():
            targets = self.agent.encode(batch.observation[1:], tasks)
        if self.world_model.space.standardizes:
            mean, variance = moments(targets)
            self.world_model.space.update(mean, variance.sqrt())
        dynamics = reward = torch.zeros((), device=targets.device)
        for weight, form in ((self.carried, self._carried), (1 - self.carried, self._one_step)):
            if weight > 0:
                terms = self._weigh(batch, tasks, *form(batch, tasks, targets))
                dynamics, reward = dynamics + weight * terms[0], reward + weight * terms[1]
        loss = self.dynamics_weight * dynamics + self.reward_weight * reward
        parts = {"dyn_loss": dynamics.detach(), "rew_loss": reward.detach()}
        if self.termination is not None:
            ended = self._termination(batch, tasks, targets)
            loss = loss + self.termination_weight * ended
            parts["term_loss"] = ended.detach()
        return loss, parts | {"wm_loss": loss.detach()}

    def _one_step(self, batch: Batch, tasks: Tasks, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Encoded latents ``[H, B, latent_dim]`` and the dynamics' errors ``[H, B]`` on them."""
        latents = self.agent.encode(batch.observation[:-1], tasks)
        errors = self.world_model.dynamics_errors(latents, batch.action, targets, tasks.embedding)
        return latents, self._mean_share(errors, latents)

    def _carried(self, batch: Batch, tasks: Tasks, targets: Tensor) -> tuple[Tensor, Tensor]:
        """The model's own latents ``[H, B, latent_dim]`` and the dynamics' errors ``[H, B]`` on them."""
        model, e, action = self.world_model, tasks.embedding, batch.action
        carried = [self.agent.encode(batch.observation[0], tasks)]
        for a in action[:-1]:
            carried.append(model.next(carried[-1], a, e))
        latents = torch.stack(carried)
        # What was carried is also the prediction; the last one is only needed by the loss.
        errors = model.dynamics_errors(latents[:-1], action[:-1], targets[:-1], e, latents[1:])
        last = model.dynamics_errors(latents[-1:], action[-1:], targets[-1:], e)
        return latents, self._mean_share(torch.cat([errors, last]), latents)

    def _mean_share(self, errors: Tensor, latents: Tensor) -> Tensor:
        """The mean over components ``[H, B]`` of squared ``errors`` ``[H, B, latent_dim]``; where latents are
        standardized, as shares of the variance of ``latents``."""
        if self.world_model.space.standardizes:
            variance = moments(latents)[1] + SMALLEST_DEVIATION**2
            errors = errors / torch.where(variance > SPREAD_FLOOR**2, variance.detach(), variance)
        return errors.mean(-1)

    def _weigh(self, batch: Batch, tasks: Tasks, latents: Tensor, errors: Tensor) -> tuple[Tensor, Tensor]:
        """The dynamics and the reward term for latents ``[H, B, latent_dim]`` with errors ``[H, B]``."""
        horizon = len(errors)
        weight = self.rho ** torch.arange(horizon, device=errors.device, dtype=errors.dtype)
        target = self.agent.scale_reward(batch.reward, batch.task)
        logits = self.world_model.reward_logits(latents, batch.action, tasks.embedding)
        reward = two_hot_loss(logits, target).mean(1)
        with full_precision(errors.device):
            dynamics = weight @ errors.mean(1)
        return dynamics / horizon, (weight * reward).mean() / horizon

    def _termination(self, batch: Batch, tasks: Tasks, targets: Tensor) -> Tensor:
        """Binary cross-entropy of the head on the encoded next observations."""
        logits = self.agent.termination_logits(targets, tasks)
        return F.binary_cross_entropy_with_logits(logits, batch.terminated.to(logits.dtype))
