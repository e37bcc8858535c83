"""The interface that learning relies on."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from pwm.envs import DRAWABLE
from pwm.errors import UserError
from tests.simulators import make

NAMES = list(DRAWABLE)


def actions(env: Any, generator: torch.Generator) -> torch.Tensor:
    return torch.rand(env.num_envs, env.act_dim, generator=generator) * 2 - 1


def rollout(env: Any, steps: int, seed: int = 0) -> list[Any]:
    generator = torch.Generator().manual_seed(seed)
    return [env.step(actions(env, generator)) for _ in range(steps)]


def assert_same_steps(found: list[Any], expected: list[Any]) -> None:
    for one, other in zip(found, expected, strict=True):
        for tensor, reference in zip(one, other, strict=True):
            assert torch.equal(tensor, reference)


@pytest.mark.parametrize(
    ("name", "obs_dim", "act_dim", "length"), [("ant", 37, 8, 1000), ("cartpole", 5, 1, 240)]
)
def test_shapes_and_types(name: str, obs_dim: int, act_dim: int, length: int) -> None:
    env = make(name, num_envs=3)
    assert (env.name, env.tasks, env.num_envs, env.obs_dim, env.act_dim) == (
        name,
        (name,),
        3,
        obs_dim,
        act_dim,
    )
    assert torch.equal(env.task, torch.zeros(3, dtype=torch.int64))
    assert torch.equal(env.action_mask, torch.ones(3, act_dim))
    assert torch.equal(env.episode_length, torch.full((3,), length))
    observation = env.reset()
    step = env.step(torch.zeros(3, act_dim))
    for tensor in (observation, step.observation, step.final_observation):
        assert tensor.shape == (3, obs_dim) and tensor.dtype == torch.float32
    assert step.reward.shape == (3,) and step.reward.dtype == torch.float32
    assert step.terminated.dtype == step.truncated.dtype == torch.bool


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_fixes_everything_and_environments_are_independent(name: str) -> None:
    alone = rollout(make(name, num_envs=4, seed=3), 50)
    first, second = make(name, num_envs=4, seed=3), make(name, num_envs=4, seed=4)
    generators = torch.Generator().manual_seed(0), torch.Generator().manual_seed(9)
    interleaved = []
    for _ in range(50):
        interleaved.append(first.step(actions(first, generators[0])))
        second.step(actions(second, generators[1]))
    assert_same_steps(interleaved, alone)
    assert not torch.equal(first.reset(), second.reset())


@pytest.mark.parametrize("name", NAMES)
def test_resuming_continues_bit_for_bit(name: str) -> None:
    options: dict[str, Any] = {"episode_length": 20}
    env = make(name, num_envs=8, seed=1, **options)
    rollout(env, 33)
    state = env.state_dict()
    expected = rollout(env, 100, seed=5)
    resumed = make(name, num_envs=8, seed=77, **options)
    rollout(resumed, 5)
    resumed.load_state_dict(state)
    assert_same_steps(rollout(resumed, 100, seed=5), expected)
    assert any(step.truncated.any() for step in expected)


def test_a_state_of_other_environments_is_refused() -> None:
    with pytest.raises(ValueError, match="joint_q"):
        make("ant", num_envs=2).load_state_dict(make("ant", num_envs=3).state_dict())


@pytest.mark.parametrize("name", NAMES)
def test_an_episode_is_truncated_at_its_length_and_begins_anew(name: str) -> None:
    env = make(name, num_envs=2, episode_length=5)
    steps = [env.step(torch.zeros(2, env.act_dim)) for _ in range(10)]
    assert [bool(step.truncated.all()) for step in steps] == [False] * 4 + [True] + [False] * 4 + [True]
    last = steps[4]
    assert not torch.equal(last.observation, last.final_observation)
    assert torch.equal(steps[3].observation, steps[3].final_observation)


def test_a_fallen_ant_terminates_and_only_it_is_reset() -> None:
    env = make("ant", num_envs=3)
    joint_q, joint_qd = env.get_state()
    joint_q[1, 1] = 0.2
    env.set_state(joint_q, joint_qd)
    step = env.step(torch.zeros(3, 8))
    assert step.terminated.tolist() == [False, True, False]
    assert not step.truncated.any()
    assert step.final_observation[1, 0] < 0.27 and step.observation[1, 0] > 0.6
    assert torch.equal(step.observation[[0, 2]], step.final_observation[[0, 2]])
    assert step.observation[1, 29:].eq(0.0).all()


def test_without_automatic_reset_nothing_is_reset() -> None:
    env = make("ant", num_envs=2, auto_reset=False, episode_length=3)
    joint_q, joint_qd = env.get_state()
    joint_q[0, 1] = 0.2
    env.set_state(joint_q, joint_qd)
    steps = [env.step(torch.ones(2, 8)) for _ in range(4)]
    assert steps[0].terminated.tolist() == [True, False]
    assert [bool(step.truncated[1]) for step in steps] == [False, False, True, True]
    assert all(torch.equal(step.observation, step.final_observation) for step in steps)


def test_the_reward_is_that_of_the_observation_before_the_step() -> None:
    env = make("ant", num_envs=4)
    before = env.reset()
    step = env.step(torch.ones(4, 8))
    expected = before[:, 5] + 0.1 * before[:, 27] + before[:, 28] + before[:, 0] - 0.27
    torch.testing.assert_close(step.reward, expected)


def test_what_the_caller_does_to_its_observation_changes_nothing() -> None:
    first, second = make("ant", num_envs=2), make("ant", num_envs=2)
    first.reset().fill_(9.0)
    second.reset()
    first.step(torch.zeros(2, 8)).observation.fill_(9.0)
    second.step(torch.zeros(2, 8))
    assert torch.equal(first.step(torch.zeros(2, 8)).reward, second.step(torch.zeros(2, 8)).reward)


@pytest.mark.parametrize("name", NAMES)
def test_actions_are_clipped_and_carry_no_gradient(name: str) -> None:
    large, unit = make(name, num_envs=2), make(name, num_envs=2)
    action = torch.full((2, large.act_dim), 7.0, requires_grad=True)
    step = large.step(action)
    assert not step.observation.requires_grad
    assert torch.equal(step.observation, unit.step(torch.ones(2, unit.act_dim)).observation)


@pytest.mark.parametrize("name", NAMES)
def test_state_goes_in_and_out_unchanged(name: str) -> None:
    env = make(name, num_envs=3)
    rollout(env, 5)
    joint_q, joint_qd = env.get_state()
    other = make(name, num_envs=3, seed=9)
    other.set_state(joint_q, joint_qd)
    found_q, found_qd = other.get_state()
    torch.testing.assert_close(found_q, joint_q)
    torch.testing.assert_close(found_qd, joint_qd, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="shape"):
        env.set_state(joint_q[:2], joint_qd)


@pytest.mark.parametrize("name", NAMES)
def test_a_diverged_environment_leaves_the_others_alone(name: str) -> None:
    healthy, broken = make(name, num_envs=4, auto_reset=False), make(name, num_envs=4, auto_reset=False)
    for step_index in range(5):
        action = torch.full((4, healthy.act_dim), 0.5)
        expected = healthy.step(action)
        if step_index == 2:
            action[1] = math.nan
        found = broken.step(action)
    assert found.observation[1].isnan().any()
    kept = [0, 2, 3]
    assert torch.equal(found.observation[kept], expected.observation[kept])


@pytest.mark.parametrize("cause", ["action", "state"])
@pytest.mark.parametrize("name", NAMES)
def test_a_diverged_episode_is_truncated_and_a_new_one_begins(name: str, cause: str) -> None:
    env = make(name, num_envs=3)
    rollout(env, 2)
    action = torch.full((3, env.act_dim), 0.1)
    if cause == "action":
        action[1] = math.nan
    else:
        state = env.state_dict()
        state["joint_qd"][1] = 1e30
        env.load_state_dict(state)
    step = env.step(action)
    assert step.diverged.tolist() == [False, True, False]
    assert step.truncated.tolist() == [False, True, False] and not step.terminated[1]
    assert step.observation.isfinite().all()
    for _ in range(20):
        step = env.step(torch.full((3, env.act_dim), 0.1))
        assert step.observation.isfinite().all() and not step.diverged.any()


def test_starts_vary_within_their_bounds() -> None:
    joint_q, joint_qd = make("ant", num_envs=512).get_state()
    nominal = torch.tensor([0.0, 0.75, 0.0])
    assert 0.09 < (joint_q[:, :3] - nominal).abs().max() <= 0.1
    assert 0.19 < (joint_q[:, 7:] - torch.tensor([0.0, 1, 0, -1, 0, -1, 0, 1])).abs().max() <= 0.2 + 1e-6
    assert 0.24 < joint_qd.abs().max() <= 0.25 + 1e-5
    upright = torch.tensor([-math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5)])
    turned = 2 * torch.arccos((joint_q[:, 3:7] @ upright).clamp(-1, 1))
    assert 0.9 * math.pi / 24 < turned.max() <= math.pi / 24 + 1e-2
    torch.testing.assert_close(joint_q[:, 3:7].norm(dim=1), torch.ones(512))
    angle = make("cartpole", num_envs=512).get_state()[0]
    assert 1.5 < angle.abs().max() <= math.pi / 2


def test_forward_velocity() -> None:
    ant = make("ant", num_envs=2)
    observation = ant.reset()
    assert torch.equal(ant.forward_velocity(observation), observation[:, 5])
    pole = make("cartpole", num_envs=2)
    assert pole.forward_velocity(pole.reset()).isnan().all()


def test_misshapen_actions_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[2, 8\]"):
        make("ant", num_envs=2).step(torch.zeros(2, 7))


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("antt", {}, "unknown env 'antt'; choose one of acrobot-swingup, ant, anymal"),
        (
            "ant",
            {"inertias": "true"},
            "unknown option of env ant 'inertias'; choose one of episode_length, inertia",
        ),
        ("ant", {"inertia": "wrong"}, "choose one of dflex, true"),
        ("ant", {"episode_length": 0}, "episode_length"),
        ("ant", {"episode_length": "long"}, "episode_length"),
        ("cartpole", {"num_envs": 0}, "num_envs"),
        ("cartpole", {"device": "mps"}, "choose cpu"),
    ],
)
def test_mistakes_name_the_choices(name: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make(name, **{"num_envs": 2, **arguments})


def test_importing_the_package_does_not_import_the_simulator() -> None:
    import subprocess
    import sys

    code = "import sys, pwm.envs; sys.exit('newton' in sys.modules or 'warp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_simulator_prints_nothing() -> None:
    import subprocess
    import sys

    code = "import pwm.envs; pwm.envs.make('cartpole', num_envs=1).reset()"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "" and done.stderr == ""
