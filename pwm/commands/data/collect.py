"""Whole episodes of environments, as stores hold them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from pwm.data.shards import Episode, Task
from pwm.envs.base import VectorEnv
from pwm.envs.multitask import MultiTaskEnv

Policy = Callable[[Tensor], Tensor]
"""From observations ``[N, obs_dim]`` to actions ``[N, act_dim]``."""


def tasks_of(env: VectorEnv) -> list[Task]:
    """The tasks among ``env`` with their own sizes."""
    parts = env.envs if isinstance(env, MultiTaskEnv) else [env]
    return [Task(part.name, part.obs_dim, part.act_dim) for part in parts]


@torch.no_grad()
def episodes(env: VectorEnv, policy: Policy, index: Sequence[int]) -> Iterator[Episode]:
    """One episode of every environment, from its start to its end. The tasks of ``env`` are numbered
    ``index`` in the store. Where the simulation diverges the episode ends with the step before."""
    observation = env.reset()
    seen, actions, rewards, ends = [observation.cpu()], [], [], []
    length = torch.zeros(env.num_envs, dtype=torch.int64, device=env.device)
    running = torch.ones(env.num_envs, dtype=torch.bool, device=env.device)
    while running.any():
        action = policy(observation)
        step = env.step(action)
        seen.append(step.final_observation.cpu())
        actions.append(action.clamp(-1.0, 1.0).cpu())
        rewards.append(step.reward.cpu())
        ends.append(step.terminated.cpu())
        length += running & ~step.diverged
        running &= ~(step.terminated | step.truncated)
        observation = step.observation
    of = [index[task] for task in env.task.tolist()]
    own = tasks_of(env)
    sizes = [own[task] for task in env.task.tolist()]
    columns = [torch.stack(column).numpy() for column in (seen, actions, rewards, ends)]
    for row, steps in enumerate(length.tolist()):
        if steps:
            observations, acted, paid, ended = (column[:, row] for column in columns)
            yield Episode(
                of[row],
                observations[: steps + 1, : sizes[row].obs_dim],
                acted[:steps, : sizes[row].act_dim],
                paid[:steps],
                ended[:steps],
            )
