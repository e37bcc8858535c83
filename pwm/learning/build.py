"""From a configuration to environments and networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pwm import envs
from pwm.algorithms.agent import Agent
from pwm.config.types import TrainConfig
from pwm.envs.base import VectorEnv
from pwm.errors import UserError
from pwm.models.actor import Actor
from pwm.models.critic import Critic
from pwm.models.termination import TerminationHead
from pwm.models.world_model import WorldModel


def resolve_device(name: str) -> torch.device:
    """The device of ``auto``, ``cpu``, ``cuda`` or ``cuda:<index>``.

    Raises:
        UserError: CUDA asked for where there is none.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise UserError(f"device={name}, but torch finds no CUDA device here; use device=cpu")
    return torch.device(name)


def build_env(
    config: TrainConfig, num_envs: int, device: torch.device, seed: int, shares: Sequence[int] = ()
) -> VectorEnv:
    """``num_envs`` environments of the configured task, or of the tasks in the proportion of ``shares``
    (default: equally many of each)."""
    options = {config.env.name: dict(config.env.options)}
    if not config.multitask:
        return envs.make(
            config.env.name, num_envs=num_envs, device=device, seed=seed, **options[config.env.name]
        )
    return envs.make_tasks(
        config.tasks, num_envs=num_envs, device=device, seed=seed, options=options, shares=shares
    )


class Spaces(NamedTuple):
    """What networks have to fit."""

    obs_dim: int
    act_dim: int
    action_mask: Tensor
    """``[tasks, act_dim]`` 1 where a task's action component acts, 0 where it is padding."""

    @classmethod
    def of(cls, env: VectorEnv) -> Spaces:
        """Those of ``env``'s tasks."""
        action_mask = torch.zeros(len(env.tasks), env.act_dim)
        action_mask[env.task.cpu()] = env.action_mask.to("cpu", action_mask.dtype)
        return cls(env.obs_dim, env.act_dim, action_mask)


def build_agent(config: TrainConfig, spaces: Spaces, device: torch.device) -> Agent:
    """Freshly initialised networks that fit ``spaces``, on ``device``."""
    world_model = WorldModel(
        spaces.obs_dim,
        spaces.act_dim,
        config.task_dim,
        len(spaces.action_mask),
        config.encoder_units,
        config.units,
        config.latent_dim,
        config.dynamics,
        config.flow_integrator,
        config.flow_substeps,
        config.flow_head,
        config.latent,
    )
    state_dim = world_model.latent_dim + config.task_dim
    agent = Agent(
        world_model=world_model,
        actor=Actor(state_dim, spaces.act_dim, config.actor_units, config.actor_init_scale),
        critic=Critic(state_dim, config.critic_units, config.critic_ensemble),
        termination=(
            TerminationHead(world_model.latent_dim, config.task_dim, config.units[:1])
            if config.termination_head
            else None
        ),
        action_mask=spaces.action_mask,
        obs_dim=spaces.obs_dim,
        normalize_observation=config.normalize_observation,
        normalize_reward=config.normalize_reward,
    )
    return agent.to(device)
