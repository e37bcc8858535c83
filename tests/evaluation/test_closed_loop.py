from __future__ import annotations

from typing import cast

import pytest
import torch
from torch import Tensor

from pwm.algorithms.agent import Agent
from pwm.evaluation.closed_loop import Evaluator, summarize
from tests.fakes import CountingEnv


class Recorder:
    """An agent that notes what it acts on."""

    def __init__(self) -> None:
        self.calls: list[tuple[Tensor, bool]] = []

    def act(self, observation: Tensor, task: Tensor, deterministic: bool = False) -> Tensor:
        self.calls.append((observation.clone(), deterministic))
        return torch.zeros(len(observation), 2)


def test_it_acts_on_every_observation_deterministically_and_sums_the_environments_rewards() -> None:
    agent = Recorder()
    env = CountingEnv([3, 5])
    evaluation = Evaluator(env)(cast(Agent, agent))
    assert evaluation.returns.tolist() == [1 + 2 + 3, 1 + 2 + 3 + 4 + 5]
    assert evaluation.length.tolist() == [3, 5]
    assert evaluation.forward_velocity.tolist() == [2, 3]
    assert all(deterministic for _, deterministic in agent.calls)
    assert [observation[1, 1].item() for observation, _ in agent.calls] == [0, 1, 2, 3, 4]


def test_every_evaluation_starts_from_the_same_states() -> None:
    evaluator = Evaluator(CountingEnv([3, 5]))
    first, second = Recorder(), Recorder()
    evaluator(cast(Agent, first))
    evaluator(cast(Agent, second))
    assert all(torch.equal(a, b) for (a, _), (b, _) in zip(first.calls, second.calls, strict=True))


def test_several_tasks_are_reported_apart_and_count_alike() -> None:
    env = CountingEnv([3, 5, 5])
    env.task, env.tasks = torch.tensor([0, 1, 1]), ("short", "long")
    summary = summarize(Evaluator(env)(cast(Agent, Recorder())), env.tasks)
    assert summary["eval_R_short"] == 6 and summary["eval_R_long"] == 15
    assert summary["eval_R"] == pytest.approx(10.5)
