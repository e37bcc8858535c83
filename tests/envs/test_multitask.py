"""Several tasks in one batch."""

from __future__ import annotations

import pytest
import torch

from pwm.envs import make, make_tasks
from pwm.errors import UserError


def test_tasks_are_padded_masked_and_indexed() -> None:
    env = make_tasks(["ant", "cartpole"], num_envs=6)
    assert (env.obs_dim, env.act_dim, env.tasks) == (37, 8, ("ant", "cartpole"))
    assert env.task.tolist() == [0, 0, 0, 1, 1, 1]
    assert env.action_mask.sum(dim=1).tolist() == [8.0, 8.0, 8.0, 1.0, 1.0, 1.0]
    assert env.episode_length.tolist() == [1000] * 3 + [240] * 3
    observation = env.reset()
    assert observation.shape == (6, 37)
    assert observation[3:, 5:].eq(0.0).all()
    velocity = env.forward_velocity(observation)
    assert torch.equal(velocity[:3], observation[:3, 5]) and velocity[3:].isnan().all()


def test_each_task_behaves_as_it_does_alone() -> None:
    env = make_tasks(["ant", "cartpole"], num_envs=4, seed=5)
    ant, pole = make("ant", num_envs=2, seed=5), make("cartpole", num_envs=2, seed=6)
    generator = torch.Generator().manual_seed(0)
    for _ in range(30):
        action = torch.rand(4, 8, generator=generator) * 2 - 1
        step = env.step(action)
        ant_step, pole_step = ant.step(action[:2]), pole.step(action[2:, :1])
    assert torch.equal(step.observation[:2], ant_step.observation)
    assert torch.equal(step.final_observation[2:, :5], pole_step.final_observation)
    assert torch.equal(step.reward, torch.cat([ant_step.reward, pole_step.reward]))
    assert torch.equal(step.terminated, torch.cat([ant_step.terminated, pole_step.terminated]))


def test_resuming_continues_bit_for_bit() -> None:
    options = {"cartpole": {"episode_length": 7}}
    env = make_tasks(["ant", "cartpole"], num_envs=4, options=options)
    assert env.episode_length.tolist() == [1000, 1000, 7, 7]
    action = torch.full((4, 8), 0.3)
    for _ in range(10):
        env.step(action)
    resumed = make_tasks(["ant", "cartpole"], num_envs=4, seed=3, options=options)
    resumed.load_state_dict(env.state_dict())
    for _ in range(20):
        expected, found = env.step(action), resumed.step(action)
        assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_a_single_task_needs_no_padding() -> None:
    env = make_tasks(["ant"], num_envs=2)
    assert torch.equal(env.reset(), make("ant", num_envs=2).reset())


@pytest.mark.parametrize(
    ("tasks", "num_envs", "message"),
    [
        (["ant", "cartpole"], 5, "num_envs=5 does not split evenly over 2 tasks"),
        ([], 4, "at least one"),
        (["ant", "ant"], 4, "none twice"),
        (["ant", "cheetah"], 4, "unknown env 'cheetah'"),
    ],
)
def test_mistakes_are_named(tasks: list[str], num_envs: int, message: str) -> None:
    with pytest.raises(UserError, match=message):
        make_tasks(tasks, num_envs=num_envs)


def test_shares_say_how_many_environments_a_task_has() -> None:
    env = make_tasks(["cartpole", "double_pendulum"], num_envs=8, shares=[3, 1])
    assert env.task.tolist() == [0] * 6 + [1] * 2
    with pytest.raises(UserError, match="num_envs=6 does not split into 4 shares; take a multiple"):
        make_tasks(["cartpole", "double_pendulum"], num_envs=6, shares=[3, 1])
