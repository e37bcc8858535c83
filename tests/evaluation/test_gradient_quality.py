"""The gradient that the policy learns from, against the simulator: right is 1, its opposite -1."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from pwm.algorithms.agent import Agent, Tasks
from pwm.envs.base import Step, VectorEnv
from pwm.evaluation import gradient_quality
from tests.fakes import CountingEnv

GAMMA = 0.9
WEIGHTS = torch.tensor([2.0, -1.0])


class Cart(CountingEnv):
    """Moved by its actions; the reward is the square of where it was before them."""

    def __init__(self, num_envs: int) -> None:
        super().__init__([1000] * num_envs)
        self.place = torch.linspace(0.5, 1.5, num_envs)

    def _observation(self) -> Tensor:
        return self.place[:, None].expand(-1, 3)

    def step(self, action: Tensor) -> Step:
        reward = self.place.square()
        self.place = self.place + action @ WEIGHTS
        return super().step(action)._replace(reward=reward, observation=self._observation())

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"place": self.place.clone()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.place = state["place"].clone()


def knowing(factor: float) -> Agent:
    """An agent whose model is the cart, with actions that work ``factor`` times as much."""
    model = SimpleNamespace(
        reward=lambda z, a, task: z[:, 0].square(),
        transition=lambda e: lambda z, a: z + factor * (a @ WEIGHTS)[:, None],
    )
    act = lambda observation, task: torch.rand(len(observation), 2) - 0.5  # noqa: E731
    look_up = lambda task: Tasks(task, None)  # noqa: E731
    return cast(
        Agent, SimpleNamespace(world_model=model, act=act, look_up=look_up, encode=lambda o, tasks: o)
    )


def agreement(factor: float) -> list[float]:
    torch.manual_seed(0)
    agent, env = knowing(factor), cast(VectorEnv, Cart(16))
    real = gradient_quality.gather(agent, env, 2, 4, 6, GAMMA)
    assert real.slope.shape == (6, 4, 32) and real.direction.shape == (6, 4, 32, 2)
    return gradient_quality.agreement(agent, real, GAMMA)


def test_a_perfect_model_has_the_real_gradient() -> None:
    assert agreement(1.0)[1:] == pytest.approx([1.0] * 3, abs=1e-4)


def test_a_model_that_has_actions_the_wrong_way_round_has_the_opposite_gradient() -> None:
    assert all(cosine < -0.5 for cosine in agreement(-1.0)[1:2])


def test_where_no_action_matters_there_is_no_gradient_to_compare() -> None:
    assert math.isnan(agreement(1.0)[0])


def test_the_environments_go_on_where_they_were() -> None:
    torch.manual_seed(0)
    agent, env = knowing(1.0), Cart(4)
    gradient_quality.gather(agent, cast(VectorEnv, env), 1, 4, 6, GAMMA)
    assert env.count.tolist() == [gradient_quality.SPACING + 4] * 4


def test_stretches_in_which_an_episode_ends_are_left_out() -> None:
    torch.manual_seed(0)
    env = Cart(3)
    env.episode_length = torch.tensor([1000, gradient_quality.SPACING + 2, 1000])
    real = gradient_quality.gather(knowing(1.0), cast(VectorEnv, env), 1, 4, 2, GAMMA)
    assert real.task.shape == (2,) and real.slope.isfinite().all()
