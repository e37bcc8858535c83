"""The networks and normalisers of one run, and how it acts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pwm.algorithms.normalizer import RunningStats
from pwm.models.actor import Actor
from pwm.models.critic import Critic
from pwm.models.termination import TerminationHead
from pwm.models.world_model import WorldModel
from pwm.nn.layers import join


class Tasks(NamedTuple):
    """Which tasks the rows of a batch are of, with their embeddings: looked up once and then passed on."""

    task: Tensor
    """``[B]`` int64."""
    embedding: Tensor | None
    """``[B, task_dim]``, with gradient: the world model trains it. None for a single task."""
    action_mask: Tensor | None = None
    """``[B, act_dim]`` 1 where an action component acts; None where all do."""

    @property
    def code(self) -> Tensor | None:
        """The embedding as the networks see it that do not train it."""
        return None if self.embedding is None else self.embedding.detach()


class Agent(nn.Module):
    """World model, actor, critic, an optional termination head, and the running statistics.

    Args:
        world_model, actor, critic, termination: the networks.
        action_mask: ``[tasks, act_dim]`` 1 where a task's action component acts, 0 where it is padding.
        obs_dim: size of an observation, padding included.
        normalize_observation: the encoder sees observations by their task's mean and deviation.
        normalize_reward: the reward model learns rewards divided by their task's deviation.
    """

    action_mask: Tensor

    def __init__(
        self,
        world_model: WorldModel,
        actor: Actor,
        critic: Critic,
        termination: TerminationHead | None,
        action_mask: Tensor,
        obs_dim: int,
        normalize_observation: bool,
        normalize_reward: bool,
    ) -> None:
        super().__init__()
        self.world_model, self.actor, self.critic, self.termination = world_model, actor, critic, termination
        self.register_buffer("action_mask", action_mask.float())
        self._padded = not bool(action_mask.all())
        num_tasks = len(action_mask)
        self.observation_stats = RunningStats(obs_dim, num_tasks) if normalize_observation else None
        self.reward_stats = RunningStats(1, num_tasks) if normalize_reward else None
        self.return_stats = RunningStats(1, num_tasks)

    @torch.no_grad()
    def observe(self, observation: Tensor, reward: Tensor, task: Tensor, real: Tensor | None = None) -> None:
        """Take observations ``[..., obs_dim]`` and rewards ``[...]`` of tasks ``[...]`` into the statistics,
        but for those that ``real`` ``[...]`` (bool) says are none."""
        if self.observation_stats is not None:
            self.observation_stats.update(observation, task, real)
        if self.reward_stats is not None:
            self.reward_stats.update(reward[..., None], task, real)

    def look_up(self, task: Tensor) -> Tasks:
        """The tasks ``[B]`` (int64) with their embeddings."""
        mask = self.action_mask[task] if self._padded else None
        return Tasks(task, self.world_model.task_embedding(task), mask)

    def encode(self, observation: Tensor, tasks: Tasks) -> Tensor:
        """Latents ``[..., latent_dim]`` of raw observations ``[..., obs_dim]``. Here and below ``tasks``
        may lack leading dimensions: ``[B]`` beside ``[T, B, ...]``."""
        if self.observation_stats is not None:
            observation = self.observation_stats.normalize(observation, tasks.task)
        return self.world_model.encode(observation, tasks.embedding)

    def scale_reward(self, reward: Tensor, task: Tensor) -> Tensor:
        """Rewards ``[...]`` as the reward model learns them."""
        if self.reward_stats is None:
            return reward
        return reward / self.reward_stats.std.to(reward.dtype)[task].squeeze(-1)

    @torch.no_grad()
    def act(self, observation: Tensor, task: Tensor, deterministic: bool = False) -> Tensor:
        """Actions ``[N, act_dim]`` for raw observations ``[N, obs_dim]`` of ``task`` ``[N]``, closed loop."""
        tasks = self.look_up(task)
        noise = None if deterministic else self.actor.noise(len(task))
        return self.policy(self.encode(observation, tasks), tasks, noise)

    def policy(self, latent: Tensor, tasks: Tasks, noise: Tensor | None = None) -> Tensor:
        """Actions ``[..., act_dim]`` for latents ``[..., latent_dim]`` with the actor's ``noise``
        ``[..., act_dim]``, or without; the actor's gradient does not reach the latent (Georgiev et al. 2024,
        algorithm 1)."""
        action = self.actor(self.with_task(latent.detach(), tasks), noise)
        return action if tasks.action_mask is None else action * tasks.action_mask

    def value(self, latent: Tensor, tasks: Tasks) -> Tensor:
        """The minimum over the critics ``[...]``."""
        return self.critic(self.with_task(latent, tasks)).amin(0)

    def with_task(self, latent: Tensor, tasks: Tasks) -> Tensor:
        """``[z, e]``, what actor and critic see."""
        return join(self.world_model.space.view(latent), tasks.code)

    def termination_logits(self, latent: Tensor, tasks: Tasks) -> Tensor:
        """Logits ``[...]`` of P(terminated) for the latents ``[..., latent_dim]`` that transitions led to;
        the agent must have a termination head."""
        assert self.termination is not None
        return self.termination(self.world_model.space.view(latent), tasks.code)

    def model_parameters(self) -> Iterator[nn.Parameter]:
        """What the world-model loss trains: the world model, the task embedding and the
        termination head."""
        yield from self.world_model.parameters()
        if self.termination is not None:
            yield from self.termination.parameters()
