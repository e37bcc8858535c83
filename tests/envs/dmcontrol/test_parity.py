"""The thirty tasks beside dm_control itself, one by one; the eleven that it lacks beside their formulas."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from pwm.config.compose import compose
from pwm.envs import make
from pwm.envs.dmcontrol.tasks import TASKS

pytest.importorskip("dm_control", reason="dm_control is not installed")

from pwm.envs.dmcontrol.starts import Starts  # isort: skip (it imports dm_control without a renderer)
from dm_control.suite import ALL_TASKS
from dm_control.utils.rewards import tolerance

ENVS, STEPS, SEED = 2, 40, 3
NEAR = 32
UP = float("inf")
SIZES = {
    "walker": (24, 6, 0.025, 10),
    "cheetah": (17, 6, 0.01, 1),
    "reacher": (6, 2, 0.02, 1),
    "reacher-three": (8, 3, 0.02, 1),
    "acrobot": (6, 1, 0.01, 1),
    "pendulum": (3, 1, 0.02, 1),
    "cartpole": (5, 1, 0.01, 1),
    "cup": (8, 2, 0.02, 10),
    "finger-spin": (9, 2, 0.02, 2),
    "finger-turn": (12, 2, 0.02, 2),
    "fish": (24, 5, 0.04, 10),
    "hopper": (15, 4, 0.02, 4),
}
"""Observation, action, seconds of a control step and its substeps, by how a task's name begins."""


def linear(value: float, bounds: tuple[float, float], margin: float, at_margin: float) -> float:
    return float(tolerance(value, bounds, margin, value_at_margin=at_margin, sigmoid="linear"))


def walker(speed: float) -> Callable[[Any], float]:
    def reward(physics: Any) -> float:
        standing = tolerance(physics.torso_height(), (1.2, UP), 0.6)
        stand = (3 * standing + (1 + physics.torso_upright()) / 2) / 4
        move = linear(physics.horizontal_velocity(), (-UP, -speed), speed / 2, 0.5)
        return float(stand * (5 * move + 1) / 6)

    return reward


def cheetah(foot: str) -> Callable[[Any], float]:
    def reward(physics: Any) -> float:
        places = physics.named.data.xpos
        up = 3 * tolerance(places[foot, "z"], (1.2, UP), 0.6) + 2 * tolerance(
            places["torso", "z"], (1.2, UP), 0.6
        )
        return float(up / 5 * (5 * linear(physics.speed(), (6, UP), 6, 0.0) + 1) / 6)

    return reward


def jump(physics: Any) -> float:
    places, total = physics.named.data.xpos, 0.0
    still = linear(physics.speed(), (-0.5, 0.5), 0.5, 0.0)
    for foot in ("ffoot", "bfoot"):
        up = tolerance((places["torso", "z"] + places[foot, "z"]) / 2, (1.2, UP), 0.6)
        total += float((5 * up + still) / 6)
    return total / 2


def spin(physics: Any) -> float:
    distance = float(np.linalg.norm(physics.ball_to_target()))
    speed = float(np.linalg.norm(physics.named.data.qvel[["ball_x", "ball_z"]]))
    far, fast = linear(distance, (0.5, UP), 0.25, 0.5), linear(speed, (6, UP), 3, 0.5)
    return (1 - physics.in_target()) * (far + 2 * fast) / 3


def hop(physics: Any) -> float:
    return float(tolerance(physics.height(), (0.6, 2))) * linear(physics.speed(), (-UP, -1), 0.5, 0.5)


OWN: dict[str, Callable[[Any], float]] = {
    "walker-walk-backwards": walker(1.0),
    "walker-run-backwards": walker(8.0),
    "cheetah-run-backwards": lambda physics: linear(physics.speed(), (-UP, -8), 8, 0.0),
    "cheetah-run-front": cheetah("bfoot"),
    "cheetah-run-back": cheetah("ffoot"),
    "cheetah-jump": jump,
    "hopper-hop-backwards": hop,
    "reacher-three-easy": lambda physics: float(physics.finger_to_target_dist() <= 0.06),
    "reacher-three-hard": lambda physics: float(physics.finger_to_target_dist() <= 0.025),
    "cup-spin": spin,
    "pendulum-spin": lambda physics: linear(abs(physics.angular_velocity()[0]), (9, UP), 4.5, 0.5),
}


def test_the_tasks_are_the_published_ones_in_their_order() -> None:
    assert tuple(compose(["alg=mt_baseline", "env=mt30"]).tasks) == tuple(TASKS)
    suites = {(task.domain, task.start) for name, task in TASKS.items() if name not in OWN}
    assert len(suites) == 19 and suites <= set(ALL_TASKS)


def near_the_goal(physics: Any, domain: str, random: np.random.Generator) -> None:
    """A state in which rewards differ from their least: random actions seldom lead to one."""
    data, model = physics.named.data, physics.named.model
    with physics.reset_context():
        physics.data.qvel[:] = random.normal(size=physics.model.nv) * (0.1 if domain == "fish" else 5)
        if domain in ("acrobot", "pendulum", "cartpole"):
            physics.data.qpos[:] = random.normal(size=physics.model.nq) * 0.2
            physics.data.qvel[:] *= random.choice([0, 1])
        elif domain in ("walker", "cheetah", "hopper"):
            data.qpos["rootz"] += random.uniform(0, 1)
        elif domain == "ball_in_cup":
            data.qpos[["ball_x", "ball_z"]] = random.normal([0, 0.35], 0.03)
            physics.data.qvel[:] *= random.choice([0, 1])
        elif domain == "finger":
            data.qvel["hinge"] = random.uniform(-25, -5)
    if domain in ("reacher", "fish"):
        away = random.normal(size=3) * 0.04
        if domain == "reacher":
            model.geom_pos["target", :2] = (data.geom_xpos["finger"] + away)[:2]
        else:
            model.geom_pos["target"] = data.geom_xpos["mouth"] + away
        physics.forward()


@pytest.mark.parametrize("name", TASKS)
def test_sizes_and_times_are_those_of_dm_control(name: str) -> None:
    obs_dim, act_dim, seconds, substeps = next(
        sizes for begin, sizes in reversed(SIZES.items()) if name.startswith(begin)
    )
    theirs = Starts(name, SEED)
    shown = theirs.env.observation_spec().values()
    assert TASKS[name].obs_dim == sum(math.prod(part.shape) for part in shown) == obs_dim
    assert (TASKS[name].act_dim,) == theirs.env.action_spec().shape == (act_dim,)
    assert theirs.env.control_timestep() == pytest.approx(seconds)
    assert theirs.substeps == substeps
    assert math.ceil(theirs.env._step_limit) == 2 * 500


@pytest.mark.parametrize("name", TASKS)
def test_rewards_near_the_goal(name: str) -> None:
    env: Any = make(name, num_envs=NEAR, seed=SEED)
    theirs, random = Starts(name, SEED), np.random.default_rng(1)
    action = random.uniform(-1, 1, (NEAR, env.act_dim))
    state, expected, seen = env.state_dict(), np.zeros(NEAR), np.zeros((NEAR, env.obs_dim))
    for row in range(NEAR):
        physics = theirs.draw(row, 1)
        near_the_goal(physics, TASKS[name].domain, random)
        for field in state.keys() - {"episode", "steps"}:
            held = physics.model if field in ("geom_pos", "site_pos") else physics.data
            state[field][row] = torch.from_numpy(np.array(getattr(held, field)))
        for _ in range(2):
            step = theirs.env.step(action[row])
            expected[row] += OWN[name](physics) if name in OWN else step.reward
        seen[row] = np.concatenate([np.atleast_1d(part).ravel() for part in step.observation.values()])
    env.load_state_dict(state)
    assert env.advance(action) == pytest.approx(expected, abs=1e-12)
    assert np.array_equal(env.observe(), seen)
    assert (expected > 0).sum() >= 3 and len(np.unique(expected)) > 1


@pytest.mark.parametrize("name", TASKS)
def test_the_next_episode_begins_where_dm_control_begins_it(name: str) -> None:
    env: Any = make(name, num_envs=ENVS, seed=SEED, episode_length=2)
    theirs = Starts(name, SEED)
    action = torch.full((ENVS, env.act_dim), 0.5)
    env.step(action)
    step = env.step(action)
    for row in range(ENVS):
        theirs.draw(row, 0)
        for _ in range(4):
            last = theirs.env.step(action[row].numpy())
        theirs.draw(row, 1)
        first = theirs.env.task.get_observation(theirs.physics)
        for shown, tensor in ((last.observation, step.final_observation), (first, step.observation)):
            flat = np.concatenate([np.atleast_1d(part).ravel() for part in shown.values()])
            assert np.array_equal(flat.astype(np.float32), tensor[row].numpy())


@pytest.mark.parametrize("name", TASKS)
def test_observations_to_the_last_bit_and_rewards(name: str) -> None:
    env: Any = make(name, num_envs=ENVS, seed=SEED)
    assert (env.obs_dim, env.act_dim) == (TASKS[name].obs_dim, TASKS[name].act_dim)
    theirs = [Starts(name, SEED) for _ in range(ENVS)]
    for row, one in enumerate(theirs):
        one.draw(row, 1)
    env.reset()  # the second episode, as the first is the constructor's
    random = np.random.default_rng(0)
    for _ in range(STEPS):
        action = random.uniform(-1, 1, (ENVS, env.act_dim))
        reward, observation = env.advance(action), env.observe()
        for row, one in enumerate(theirs):
            expected = 0.0
            for _ in range(2):
                step = one.env.step(action[row])
                expected += OWN[name](one.physics) if name in OWN else step.reward
            shown = np.concatenate([np.atleast_1d(part).ravel() for part in step.observation.values()])
            assert np.array_equal(shown, observation[row])
            assert reward[row] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    "name", ["cheetah-run", "cup-spin", "finger-turn-easy", "fish-swim", "cartpole-balance"]
)
def test_several_threads_change_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from pwm.envs.dmcontrol import env as module

    one: Any = make(name, num_envs=8, seed=1)
    monkeypatch.setattr(module, "_threads", lambda num_envs: 3)
    several: Any = make(name, num_envs=8, seed=1)
    for _ in range(20):
        action = torch.rand(8, one.act_dim) * 2 - 1
        for found, expected in zip(several.step(action), one.step(action), strict=True):
            assert torch.equal(found, expected)
