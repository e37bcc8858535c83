"""From a configuration to environments and networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

    @classmethod
    def of_state(cls, config: TrainConfig, agent: Mapping[str, Tensor]) -> Spaces:
        """Those of an agent that was saved in a run of ``config``."""
        action_mask = agent["action_mask"]
        if config.normalize_observation:
            obs_dim = agent["observation_stats.mean"].shape[1]
        else:
            obs_dim = agent["world_model.encoder.0.weight"].shape[1] - config.task_dim
        return cls(obs_dim, action_mask.shape[1], action_mask)


def build_env(
    config: TrainConfig,
    num_envs: int,
    device: torch.device,
    seed: int,
    shares: Sequence[int] = (),
    spaces: Spaces | None = None,
) -> VectorEnv:
    """``num_envs`` environments of the configured task, or of the tasks in the proportion of ``shares``
    (default: equally many of each); for a policy that is extracted, of its task. ``spaces`` are those of a
    world model that was pretrained."""
    options = {config.env.name: dict(config.env.options)}
    if spaces is not None:
        tasks = [config.task] if config.stage == "extract" else config.tasks
        return envs.make_tasks(
            tasks,
            num_envs=num_envs,
            device=device,
            seed=seed,
            options=options if config.env.name in tasks else None,
            among=config.tasks,
            obs_dim=spaces.obs_dim,
            act_dim=spaces.act_dim,
        )
    if not config.multitask:
        return envs.make(
            config.env.name, num_envs=num_envs, device=device, seed=seed, **options[config.env.name]
        )
    return envs.make_tasks(
        config.tasks, num_envs=num_envs, device=device, seed=seed, options=options, shares=shares
    )


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
