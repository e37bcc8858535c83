"""The interface that learning relies on, on a stand-in for dflex and, where it is installed, on dflex."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from pwm.envs import make_tasks
from pwm.errors import UserError
from tests.simulators import make


def rollout(env: Any, steps: int, seed: int = 0) -> list[Any]:
    generator = torch.Generator().manual_seed(seed)
    shape = (env.num_envs, env.act_dim)
    return [env.step(torch.rand(shape, generator=generator) * 2 - 1) for _ in range(steps)]


def assert_same_steps(found: list[Any], expected: list[Any]) -> None:
    for one, other in zip(found, expected, strict=True):
        for tensor, reference in zip(one, other, strict=True):
            assert torch.equal(tensor, reference)


def test_shapes_and_types(ant: str) -> None:
    env = make(ant, num_envs=3)
    assert (env.name, env.tasks, env.num_envs) == (ant, (ant,), 3)
    assert torch.equal(env.task, torch.zeros(3, dtype=torch.int64))
    assert torch.equal(env.action_mask, torch.ones(3, env.act_dim))
    assert torch.equal(env.episode_length, torch.full((3,), 1000))
    observation = env.reset()
    step = env.step(torch.zeros(3, env.act_dim))
    for tensor in (observation, step.observation, step.final_observation):
        assert tensor.shape == (3, env.obs_dim) and tensor.dtype == torch.float32
    assert step.reward.shape == (3,) and step.reward.dtype == torch.float32
    assert step.terminated.dtype == step.truncated.dtype == torch.bool
    assert torch.equal(env.forward_velocity(observation), observation[:, 5])


def test_a_seed_fixes_everything_and_torchs_random_numbers_stay_as_they_are(ant: str) -> None:
    alone = rollout(make(ant, num_envs=4, seed=3, episode_length=10), 25)
    torch.manual_seed(11)
    state = torch.get_rng_state()
    env = make(ant, num_envs=4, seed=3, episode_length=10)
    other = make(ant, num_envs=4, seed=4)
    interleaved = []
    for step in rollout(env, 25):
        interleaved.append(step)
        other.step(torch.zeros(4, other.act_dim))
    assert_same_steps(interleaved, alone)
    assert not torch.equal(env.reset(), other.reset())
    assert torch.equal(torch.get_rng_state(), state)


def test_resuming_continues_bit_for_bit(ant: str) -> None:
    env = make(ant, num_envs=8, seed=1, episode_length=10)
    rollout(env, 17)
    state = env.state_dict()
    expected = rollout(env, 30, seed=5)
    resumed = make(ant, num_envs=8, seed=77, episode_length=10)
    rollout(resumed, 5)
    resumed.load_state_dict(state)
    assert_same_steps(rollout(resumed, 30, seed=5), expected)
    assert any(step.truncated.any() for step in expected)


def test_a_state_of_other_environments_is_refused(ant: str) -> None:
    with pytest.raises(ValueError, match="joint_q"):
        make(ant, num_envs=2).load_state_dict(make(ant, num_envs=3).state_dict())


def test_an_episode_is_truncated_at_its_length_and_begins_anew(ant: str) -> None:
    env = make(ant, num_envs=2, episode_length=5)
    steps = [env.step(torch.zeros(2, env.act_dim)) for _ in range(10)]
    assert [bool(step.truncated.all()) for step in steps] == [False] * 4 + [True] + [False] * 4 + [True]
    assert not torch.equal(steps[4].observation, steps[4].final_observation)
    assert torch.equal(steps[3].observation, steps[3].final_observation)


def low(env: Any, row: int) -> None:
    """Put environment ``row`` so low that the next step terminates."""
    joint_q, joint_qd = env.get_state()
    joint_q[row, 1] = -0.1
    env.set_state(joint_q, joint_qd)


def test_only_the_terminated_environment_is_reset(ant: str) -> None:
    env = make(ant, num_envs=3, episode_length=1)
    low(env, 1)
    step = env.step(torch.zeros(3, env.act_dim))
    assert step.terminated.tolist() == [False, True, False]
    assert step.truncated.tolist() == [True, False, True]
    env = make(ant, num_envs=3)
    low(env, 1)
    step = env.step(torch.zeros(3, env.act_dim))
    assert step.final_observation[1, 0] < 0.27
    assert step.observation[1, 0] != step.final_observation[1, 0]
    assert torch.equal(step.observation[[0, 2]], step.final_observation[[0, 2]])


def test_without_automatic_reset_nothing_is_reset(ant: str) -> None:
    env = make(ant, num_envs=2, auto_reset=False, episode_length=3)
    low(env, 0)
    steps = [env.step(torch.ones(2, env.act_dim)) for _ in range(4)]
    assert steps[0].terminated.tolist() == [True, False]
    assert [bool(step.truncated[1]) for step in steps] == [False, False, True, True]
    assert all(torch.equal(step.observation, step.final_observation) for step in steps)


def test_what_the_caller_does_to_its_observation_changes_nothing(ant: str) -> None:
    first, second = make(ant, num_envs=2), make(ant, num_envs=2)
    zero = torch.zeros(2, first.act_dim)
    first.reset().fill_(9.0)
    second.reset()
    first.step(zero).observation.fill_(9.0)
    second.step(zero)
    assert torch.equal(first.step(zero).reward, second.step(zero).reward)


def test_actions_are_clipped_and_carry_no_gradient(ant: str) -> None:
    large, unit = make(ant, num_envs=2), make(ant, num_envs=2)
    step = large.step(torch.full((2, large.act_dim), 7.0, requires_grad=True))
    assert not step.observation.requires_grad
    assert torch.equal(step.observation, unit.step(torch.ones(2, unit.act_dim)).observation)


def test_state_goes_in_and_out_unchanged(ant: str) -> None:
    env = make(ant, num_envs=3)
    rollout(env, 5)
    joint_q, joint_qd = env.get_state()
    other = make(ant, num_envs=3, seed=9)
    observation = other.set_state(joint_q, joint_qd)
    assert all(map(torch.equal, other.get_state(), (joint_q, joint_qd)))
    assert observation.shape == (3, env.obs_dim)
    with pytest.raises(ValueError, match="shape"):
        env.set_state(joint_q[:2], joint_qd)


def test_a_diverged_environment_leaves_the_others_alone(ant: str) -> None:
    healthy, broken = make(ant, num_envs=4, auto_reset=False), make(ant, num_envs=4, auto_reset=False)
    for step_index in range(4):
        action = torch.full((4, healthy.act_dim), 0.5)
        expected = healthy.step(action)
        if step_index == 2:
            action[1] = math.nan
        found = broken.step(action)
    assert found.observation[1].isnan().any()
    kept = [0, 2, 3]
    assert torch.equal(found.observation[kept], expected.observation[kept])


def test_it_runs_on_one_thread_and_leaves_torch_its_own(dflex: Path) -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        env: Any = make("dflex_ant", num_envs=2)
        env.step(torch.zeros(2, 1))
        assert torch.get_num_threads() == 2
        assert env._sim.threads == [1]
    finally:
        torch.set_num_threads(threads)


def test_it_prints_nothing(dflex: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make("dflex_ant", num_envs=2).step(torch.zeros(2, 1))
    assert capsys.readouterr().out == ""


def test_it_goes_beside_environments_of_another_simulator(ant: str) -> None:
    env = make_tasks([ant, "cartpole"], num_envs=4)
    step = env.step(torch.zeros(4, env.act_dim))
    assert env.tasks == (ant, "cartpole") and step.observation.shape == (4, env.obs_dim)


def test_mistakes_name_the_choices(ant: str) -> None:
    with pytest.raises(
        UserError, match="unknown option of env dflex_ant 'inertia'; choose one of episode_length"
    ):
        make(ant, num_envs=2, inertia="true")
    with pytest.raises(UserError, match="episode_length"):
        make(ant, num_envs=2, episode_length=0)
    with pytest.raises(ValueError, match=r"\[2, "):
        make(ant, num_envs=2).step(torch.zeros(2, 99))


def test_a_diverged_episode_is_truncated_and_a_new_one_begins(ant: str) -> None:
    env = make(ant, num_envs=3)
    rollout(env, 2)
    action = torch.full((3, env.act_dim), 0.1)
    action[1] = math.nan
    step = env.step(action)
    assert step.diverged.tolist() == [False, True, False]
    assert step.truncated.tolist() == [False, True, False] and not step.terminated[1]
    for _ in range(5):
        assert step.observation.isfinite().all()
        step = env.step(torch.full((3, env.act_dim), 0.1))
        assert not step.diverged.any()
