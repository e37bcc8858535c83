"""Closed-loop evaluation: act on enc(o_t) at every step, deterministically, on real environments."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pwm.algorithms.agent import Agent
from pwm.envs.base import VectorEnv
from pwm.envs.scores import combined
from pwm.run.signals import Dropped

EVALUATION_SEED = 1_000_003
"""Added to a run's seed, so that evaluation starts where no training episode does."""

CHECK_EVERY = 50
"""Steps between looks at whether every episode has ended (each waits for the device)."""


class Evaluation(NamedTuple):
    """One episode of every environment; each tensor is ``[N]``."""

    returns: Tensor
    """Sum of the environment's own rewards."""
    length: Tensor
    """Steps."""
    forward_velocity: Tensor
    """m/s, mean over the episode; nan where the task has no such notion."""
    task: Tensor
    """Task index."""


Watch = Callable[[Tensor, Tensor, Tensor], None]
"""Called before every step with the observations ``[N, obs_dim]``, the returns so far and which episodes are
still running, each ``[N]``."""


class Evaluator:
    """Evaluates agents on one set of environments, always from the same start states."""

    def __init__(self, env: VectorEnv) -> None:
        self.env = env
        self._start: dict[str, Any] = env.state_dict()

    @torch.no_grad()
    def __call__(
        self, agent: Agent, stop: Callable[[], bool] = lambda: False, watch: Watch | None = None
    ) -> Evaluation:
        """One deterministic episode of every environment.

        Raises:
            Dropped: ``stop()``, asked at every step, said to give up.
        """
        env = self.env
        env.load_state_dict(self._start)
        observation = env.reset()
        running = torch.ones(env.num_envs, dtype=torch.bool, device=env.device)
        returns = torch.zeros(env.num_envs, dtype=torch.float64, device=env.device)
        length, velocity = torch.zeros_like(returns), torch.zeros_like(returns)
        for step_index in range(1, int(env.episode_length.max()) + 1):
            if stop():
                raise Dropped
            if watch is not None:
                watch(observation, returns, running)
            step = env.step(agent.act(observation, env.task, deterministic=True))
            real = running & ~step.diverged  # an episode ends before the step in which it diverges
            returns += torch.where(real, step.reward, 0)
            velocity += torch.where(real, env.forward_velocity(step.final_observation), 0)
            length += real
            running &= ~(step.terminated | step.truncated)
            observation = step.observation
            if step_index % CHECK_EVERY == 0 and not running.any():
                break
        return Evaluation(returns, length, velocity / length.clamp(min=1), env.task)


def summarize(evaluation: Evaluation, tasks: tuple[str, ...]) -> dict[str, float]:
    """Mean return, length and forward velocity. With several tasks ``eval_R`` is the mean of their scores
    (:func:`pwm.envs.scores.combined`), the others are means over tasks, and each task has its own as
    ``eval_R_<task>`` (the return), ``eval_length_<task>`` and ``eval_forward_velocity_<task>``."""
    rows, present = [], [index for index in range(len(tasks)) if (evaluation.task == index).any()]
    tasks = tuple(tasks[index] for index in present)
    for index in present:
        mine = evaluation.task == index
        rows.append(
            torch.stack(
                [
                    evaluation.returns[mine].mean(),
                    evaluation.length[mine].mean(),
                    evaluation.forward_velocity[mine].mean(),
                ]
            )
        )
    table = torch.stack(rows)
    result = {
        "eval_R": combined(dict(zip(tasks, table[:, 0].tolist(), strict=True))),
        "eval_length": float(table[:, 1].mean()),
        "eval_forward_velocity": float(table[:, 2].nanmean()),
    }
    if len(tasks) > 1:
        for task, row in zip(tasks, table.tolist(), strict=True):
            names = (f"eval_{name}_{task}" for name in ("R", "length", "forward_velocity"))
            result |= {name: value for name, value in zip(names, row, strict=True) if not math.isnan(value)}
    return result
