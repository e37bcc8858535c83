"""Gradient steps: the three losses, their optimizers and the learning-rate schedule."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from pwm.algorithms.actor_loss import ActorLoss, Rollout
from pwm.algorithms.agent import Agent
from pwm.algorithms.critic_loss import CriticLoss, critic_data
from pwm.algorithms.world_model_loss import WorldModelLoss
from pwm.config.types import TrainConfig
from pwm.data.batch import Batch
from pwm.envs.base import Step

Metrics = dict[str, Tensor]

CARRIED_WEIGHT: dict[str, Callable[[TrainConfig], float]] = {
    "carried": lambda config: 1.0,
    "one_step": lambda config: 0.0,
    "mixture": lambda config: config.wm_mixture,
}


class Learner:
    """Updates an agent. Every loss is the forward of one module, prepared by ``accelerate``, so that
    several processes average their gradients."""

    def __init__(self, agent: Agent, config: TrainConfig, accelerator: Accelerator) -> None:
        self.agent, self.config, self.accelerator = agent, config, accelerator
        carried = CARRIED_WEIGHT[config.wm_loss](config)
        self.needs_slices = carried > 0
        self.world_model_loss = accelerator.prepare(
            WorldModelLoss(
                agent,
                config.horizon,
                carried=carried,
                dynamics_weight=config.dynamics_weight,
                reward_weight=config.reward_weight,
                termination_weight=config.termination_weight,
                rho=config.temporal_weight,
            )
        )
        self.actor_loss = accelerator.prepare(
            ActorLoss(agent, config.horizon, config.gamma, config.normalize_return, config.reward_scale)
        )
        self.critic_loss = accelerator.prepare(CriticLoss(agent))
        low, high = config.betas_actor_critic
        self.optimizers = {
            "world_model": _adam(agent.model_parameters(), config.wm_lr),
            "actor": _adam(agent.actor.parameters(), config.actor_lr, (low, high)),
            "critic": _adam(agent.critic.parameters(), config.critic_lr, (low, high)),
        }
        self._initial_lr = {"world_model": config.wm_lr, "actor": config.actor_lr, "critic": config.critic_lr}

    def set_epoch(self, epoch: int) -> None:
        """Learning rates of ``epoch`` (from 0): linear from the initial to the final one over the run."""
        for name, optimizer in self.optimizers.items():
            rate = learning_rate(self.config, self._initial_lr[name], epoch)
            for group in optimizer.param_groups:
                group["lr"] = rate

    def update_world_model(self, batch: Batch) -> Metrics:
        """One gradient step on a batch of replayed transitions."""
        loss, metrics = self.world_model_loss(batch)
        norm = self._step("world_model", loss, self.agent.model_parameters(), self.config.wm_grad_norm)
        self.agent.world_model.limit_embedding()
        return metrics | {"wm_grad_norm": norm}

    def update_actor(
        self, observation: Tensor, task: Tensor, step_env: Callable[[Tensor], Step] | None = None
    ) -> tuple[Metrics, Rollout]:
        """One gradient step on a rollout imagined from ``observation`` ``[B, obs_dim]`` of ``task``
        ``[B]``, in lockstep with the environments where ``step_env`` is given."""
        loss, metrics, rollout = self.actor_loss(observation, task, step_env)
        norm = self._step("actor", loss, self.agent.actor.parameters(), self.config.actor_grad_norm)
        return metrics | {"pi_grad_norm": norm}, rollout

    def update_critic(self, rollout: Rollout) -> list[Metrics]:
        """``critic_passes`` passes over ``critic_batches`` shuffled batches of the rollout's states."""
        config = self.config
        state, target = critic_data(self.agent, rollout, config.gamma, config.td_lambda)
        done = []
        for _ in range(config.critic_passes):
            order = torch.randperm(len(state), device=state.device)
            for index in order.chunk(config.critic_batches):
                loss, metrics = self.critic_loss(state[index], target[index])
                norm = self._step("critic", loss, self.agent.critic.parameters(), config.critic_grad_norm)
                done.append(metrics | {"v_grad_norm": norm})
        return done

    def _step(self, name: str, loss: Tensor, parameters: Iterable[nn.Parameter], max_norm: float) -> Tensor:
        optimizer = self.optimizers[name]
        optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        norm = nn.utils.clip_grad_norm_(parameters, max_norm)
        optimizer.step()
        return norm.detach()

    def state_dict(self) -> dict[str, Any]:
        """The optimizers' state (the networks' is the agent's)."""
        return {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state[name])


def learning_rate(config: TrainConfig, initial: float, epoch: int) -> float:
    """Of ``epoch`` (from 0), by the schedule: constant, or linear from the initial to the final one."""
    if config.lr_schedule == "constant":
        return initial
    return initial + (config.final_lr - initial) * (epoch / config.max_epochs)


def _adam(
    parameters: Iterable[nn.Parameter], lr: float, betas: tuple[float, float] = (0.9, 0.999)
) -> torch.optim.Adam:
    return torch.optim.Adam(parameters, lr=lr, betas=betas)
