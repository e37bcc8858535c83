"""Gradient steps: the three losses, their optimizers and the learning-rate schedule."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
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
        self.agent, self.config = agent, config
        carried = CARRIED_WEIGHT[config.wm_loss](config)
        self.needs_slices = carried > 0
        world_model_loss = WorldModelLoss(
            agent,
            config.horizon,
            carried=carried,
            dynamics_weight=config.dynamics_weight,
            reward_weight=config.reward_weight,
            termination_weight=config.termination_weight,
            rho=config.temporal_weight,
        )
        if config.compile:
            _compile(world_model_loss)
        self.world_model_loss = accelerator.prepare(world_model_loss)
        self.actor_loss = accelerator.prepare(
            ActorLoss(agent, config.horizon, config.gamma, config.normalize_return, config.reward_scale)
        )
        self.critic_loss = accelerator.prepare(CriticLoss(agent))
        self._one = torch.ones((), device=accelerator.device)  # what backward() would make each time
        low, high = config.betas_actor_critic
        self._initial_lr = {"world_model": config.wm_lr, "actor": config.actor_lr, "critic": config.critic_lr}
        self._lr = {
            name: torch.tensor(rate, device=accelerator.device) for name, rate in self._initial_lr.items()
        }
        self.optimizers = {
            "world_model": _adam(agent.model_parameters(), self._lr["world_model"]),
            "actor": _adam(agent.actor.parameters(), self._lr["actor"], (low, high)),
            "critic": _adam(agent.critic.parameters(), self._lr["critic"], (low, high)),
        }

    def set_epoch(self, epoch: int) -> None:
        """Learning rates of ``epoch`` (from 0): linear from the initial to the final one over the run."""
        for name, rate in self._lr.items():
            rate.fill_(learning_rate(self.config, self._initial_lr[name], epoch))

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
        agent = self.agent
        with frozen(agent.world_model, agent.critic, agent.termination):
            loss, metrics, rollout = self.actor_loss(observation, task, step_env)
        norm = self._step("actor", loss, self.agent.actor.parameters(), self.config.actor_grad_norm)
        return metrics | {"pi_grad_norm": norm}, rollout

    def update_critic(self, rollout: Rollout) -> Metrics:
        """``critic_passes`` passes over ``critic_batches`` shuffled batches of the rollout's states; each
        metric has a value per batch."""
        config = self.config
        state, target = critic_data(self.agent, rollout, config.gamma, config.td_lambda)
        parameters = list(self.agent.critic.parameters())
        losses, norms = [], []
        for order in shuffles(config.critic_passes, len(state), state.device):
            batches = zip(*(x[order].chunk(config.critic_batches) for x in (state, target)), strict=True)
            for batch in batches:
                loss = self.critic_loss(*batch)
                norms.append(self._step("critic", loss, parameters, config.critic_grad_norm))
                losses.append(loss.detach())
        return {"v_loss": torch.stack(losses), "v_grad_norm": torch.stack(norms)}

    def _step(self, name: str, loss: Tensor, parameters: Iterable[nn.Parameter], max_norm: float) -> Tensor:
        optimizer = self.optimizers[name]
        optimizer.zero_grad(set_to_none=True)
        loss.backward(self._one)
        norm = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None], foreach=True)
        optimizer.grad_scale = (norm / max_norm).clamp(min=1.0)
        optimizer.step()
        return norm

    def state_dict(self) -> dict[str, Any]:
        """The optimizers' state (the networks' is the agent's)."""
        return {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        for name, optimizer in self.optimizers.items():
            # The groups' settings are this configuration's, and the learning rates are told in place.
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": state[name]["state"], "param_groups": groups})
            for group in optimizer.param_groups:
                group["lr"] = self._lr[name]


class Adam(torch.optim.Adam):
    """One kernel for all parameters, and all that it counts and is told on the device."""

    grad_scale: Tensor
    """What the kernel divides gradients by: clipping them needs no pass of its own."""


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


def learning_rate(config: TrainConfig, initial: float, epoch: int) -> float:
    """Of ``epoch`` (from 0), by the schedule: constant, or linear from the initial to the final one."""
    if config.lr_schedule == "constant":
        return initial
    return initial + (config.final_lr - initial) * (epoch / config.max_epochs)


def shuffles(number: int, length: int, device: torch.device) -> Tensor:
    """``[number, length]``, each row the numbers below ``length`` in a random order."""
    return torch.rand(number, length, device=device).argsort(1)


def _compile(loss: nn.Module) -> None:
    """Fuse what ``loss`` computes, forward and backward, at its first call (a minute or two)."""
    # The cached functions that it calls have no effects.
    warnings.filterwarnings("ignore", message="Dynamo detected a call to a `functools.lru_cache`")
    loss.compile()


def _adam(parameters: Iterable[nn.Parameter], lr: Tensor, betas: tuple[float, float] = (0.9, 0.999)) -> Adam:
    return Adam(parameters, lr=lr, betas=betas, fused=True, capturable=lr.is_cuda)
