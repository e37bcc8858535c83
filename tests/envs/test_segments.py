"""Where an environment's capsules are."""

from __future__ import annotations

import math
from typing import cast

import pytest
import torch

from pwm.envs import DRAWABLE, make
from pwm.envs.base import Drawable
from pwm.envs.newton.ant import Ant
from pwm.envs.newton.cartpole import CartPole


def test_the_pole_points_where_its_angle_says() -> None:
    env = CartPole(2, torch.device("cpu"), 0, True)
    env.set_state(torch.tensor([[0.3, 0.0], [-2.0, math.pi / 2]]), torch.zeros(2, 2))
    pole = env.segments()[:, 1]
    torch.testing.assert_close(pole[:, 0], torch.tensor([[0.3, 0.0, 0.0], [-2.0, 0.0, 0.0]]))
    torch.testing.assert_close(
        pole[:, 1], torch.tensor([[0.3, 1.0, 0.0], [-1.0, 0.0, 0.0]]), atol=1e-6, rtol=0
    )


def test_an_ant_at_rest_touches_the_ground_with_what_is_lowest() -> None:
    env = Ant(4, torch.device("cpu"), 0, False)
    for _ in range(900):
        env.step(torch.zeros(4, 8))
    lowest = (env.segments()[..., 1] - torch.tensor([c.radius for c in env.capsules])[:, None]).amin((1, 2))
    assert lowest.abs().max() < 0.03


@pytest.mark.parametrize("name", DRAWABLE)
def test_capsules_keep_their_length_hang_on_the_root_and_are_only_looked_at(name: str) -> None:
    env, other = cast(Drawable, make(name, num_envs=3, seed=1)), make(name, num_envs=3, seed=1)
    action = torch.ones(3, env.act_dim)
    for _ in range(20):
        segments = env.segments()
        assert torch.equal(env.step(action).observation, other.step(action).observation)
    ends = torch.tensor([(c.start, c.end) for c in env.capsules])
    lengths = (ends[:, 1] - ends[:, 0]).norm(dim=-1).expand(3, -1)
    torch.testing.assert_close((segments[:, :, 1] - segments[:, :, 0]).norm(dim=-1), lengths)
    assert env.capsules[0].body == min(capsule.body for capsule in env.capsules)
