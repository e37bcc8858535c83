"""What must hold whatever the recordings say."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tests.simulators import make


def simulate(env_name: str, joint_q: Tensor, joint_qd: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    env = make(env_name, num_envs=len(joint_q), auto_reset=False)
    env.set_state(joint_q, joint_qd)
    for _ in range(steps):
        env.step(torch.zeros(len(joint_q), env.act_dim))
    return env.get_state()


def test_a_rigidly_falling_ant_accelerates_with_gravity() -> None:
    joint_q, joint_qd = make("ant", num_envs=1).get_state()
    joint_q[:, :3] = torch.tensor([0.0, 10.0, 0.0])
    joint_q[:, 7:] = torch.tensor([0.0, 1.0, 0.0, -1.0, 0.0, -1.0, 0.0, 1.0])
    joint_q[:, 3:7] = torch.tensor([-math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5)])
    joint_qd.zero_()
    steps = 30
    fallen_q, fallen_qd = simulate("ant", joint_q, joint_qd, steps)
    n, h = steps * 16, 1 / 60 / 16
    torch.testing.assert_close(fallen_qd[0, 4], torch.tensor(-9.81 * n * h), rtol=1e-4, atol=0.0)
    # Semi-implicit Euler falls h^2 g n (n + 1) / 2.
    fall = 9.81 * h * h * n * (n + 1) / 2
    torch.testing.assert_close(10.0 - fallen_q[0, 1], torch.tensor(fall), rtol=1e-4, atol=0.0)
    torch.testing.assert_close(fallen_q[0, 7:], joint_q[0, 7:], rtol=0.0, atol=1e-4)


def test_a_far_away_ant_moves_like_a_near_one() -> None:
    env = make("ant", num_envs=8, auto_reset=False)
    far = make("ant", num_envs=8, auto_reset=False)
    joint_q, joint_qd = env.get_state()
    joint_qd[:, :6] = 0.0  # at rest, so that the twist's origin does not matter
    env.set_state(joint_q, joint_qd)
    moved = joint_q.clone()
    moved[:, 0] += 256.0
    far.set_state(moved, joint_qd)
    generator = torch.Generator().manual_seed(0)
    for _ in range(32):
        action = torch.rand(8, 8, generator=generator) * 2 - 1
        observation, far_observation = env.step(action).observation, far.step(action).observation
    torch.testing.assert_close(far_observation, observation, rtol=0.0, atol=5e-3)


def test_an_ant_without_torques_comes_to_rest_on_the_ground() -> None:
    env = make("ant", num_envs=4, auto_reset=False)
    for _ in range(900):
        step = env.step(torch.zeros(4, 8))
    assert (step.observation[:, 0] > 0.2).all()
    assert step.observation[:, 5:11].abs().max() < 0.05


def test_a_hanging_pole_swings_with_its_natural_frequency() -> None:
    amplitude = 0.01
    joint_q = torch.tensor([[0.0, math.pi - amplitude]])
    env = make("cartpole", num_envs=1, auto_reset=False)
    env.set_state(joint_q, torch.zeros(1, 2))
    angles = [math.pi - float(env.get_state()[0][0, 1])]
    for _ in range(120):
        env.step(torch.zeros(1, 1))
        angles.append(math.pi - float(env.get_state()[0][0, 1]))
    crossings = [k for k in range(120) if (angles[k] > 0) != (angles[k + 1] > 0)]
    # Hinge inertia 0.93385 kg m^2 (armature included), 12.2625 N m/rad, a cart of 52.6 kg that gives way
    # and a damping of 1 N m s/rad.
    inertia = 0.93385 - 1.25**2 / 52.6
    frequency = math.sqrt(12.2625 / inertia - (0.5 / inertia) ** 2)
    half_period = (crossings[-1] - crossings[0]) / (len(crossings) - 1) / 60
    assert abs(half_period - math.pi / frequency) < 0.02
