"""DMControl's tasks behind the interface that learning relies on."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest
import torch

from pwm.envs import make, make_tasks
from pwm.envs.dmcontrol.package import require
from pwm.envs.dmcontrol.tasks import TASKS
from pwm.errors import UserError

pytest.importorskip("dm_control", reason="dm_control is not installed")


def actions(env: Any, steps: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(steps, env.num_envs, env.act_dim, generator=generator) * 2 - 1


def test_an_episode_ends_by_its_length_and_never_by_termination() -> None:
    env: Any = make("pendulum-swingup", num_envs=3, seed=0)
    first = env.reset()
    for index, action in enumerate(actions(env, 500), start=1):
        step = env.step(action)
        assert step.truncated.all() == (index == 500) and not step.terminated.any()
        if index < 500:
            assert torch.equal(step.observation, step.final_observation)
    assert not torch.equal(step.observation, step.final_observation)
    assert not torch.equal(step.observation, first)


def test_an_option_shortens_it_and_reset_may_be_left_to_the_caller() -> None:
    env: Any = make("cup-catch", num_envs=2, seed=0, auto_reset=False, episode_length=3)
    for action in actions(env, 3):
        step = env.step(action)
    assert step.truncated.all() and torch.equal(step.observation, step.final_observation)


@pytest.mark.parametrize("name", TASKS)
def test_it_goes_on_bit_for_bit_from_its_state(name: str) -> None:
    env: Any = make(name, num_envs=3, seed=5, episode_length=6)
    moves = actions(env, 16)
    for action in moves[:4]:
        env.step(action)
    saved = io.BytesIO()
    torch.save(env.state_dict(), saved)
    expected = [env.step(action) for action in moves[4:]]
    other: Any = make(name, num_envs=3, seed=5, episode_length=6)
    other.step(moves[0])
    saved.seek(0)
    other.load_state_dict(torch.load(saved, weights_only=True))
    for action, before in zip(moves[4:], expected, strict=True):
        for found, reference in zip(other.step(action), before, strict=True):
            assert torch.equal(found, reference)


@pytest.mark.parametrize("other", [("walker-walk", 1), ("pendulum-spin", 3), ("reacher-easy", 3)])
def test_the_state_of_other_environments_is_refused(other: tuple[str, int]) -> None:
    env: Any = make("walker-walk", num_envs=3)
    before = env.state_dict()
    with pytest.raises(ValueError, match="state of other environments: shapes .*, expected "):
        env.load_state_dict(make(other[0], num_envs=other[1]).state_dict())
    assert all(torch.equal(before[name], kept) for name, kept in env.state_dict().items())


def test_an_environments_episodes_are_its_own() -> None:
    few, many = make("reacher-easy", num_envs=2, seed=7), make("reacher-easy", num_envs=5, seed=7)
    assert torch.equal(few.reset(), many.reset()[:2])
    assert len(many.reset().unique(dim=0)) == 5
    assert not torch.equal(make("reacher-easy", num_envs=2, seed=8).reset(), few.reset())


@pytest.mark.parametrize("name", ["walker-walk", "acrobot-swingup"])
def test_an_action_that_is_no_number_ends_that_episode_alone(name: str) -> None:
    env: Any = make(name, num_envs=3, seed=0)
    twin: Any = make(name, num_envs=3, seed=0)
    good = actions(env, 1)[0]
    bad = good.clone()
    bad[1] = torch.nan
    step, expected = env.step(bad), twin.step(good)
    assert step.diverged.tolist() == [False, True, False] == step.truncated.tolist()
    assert step.observation.isfinite().all()
    assert torch.equal(step.observation[::2], expected.observation[::2])


def test_several_of_them_in_one_run_are_padded() -> None:
    env = make_tasks(["walker-walk", "pendulum-spin"], num_envs=4)
    observation = env.reset()
    assert observation.shape == (4, 24) and (observation[2:, 3:] == 0).all()
    assert env.action_mask.sum(1).tolist() == [6, 6, 1, 1]


@pytest.mark.parametrize("missing", ["dm_control", "dm_control.suite", "mujoco.batch"])
def test_what_is_missing_is_told(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(UserError, match=r"DMControl's tasks need dm_control and mujoco .*pwm\[dmcontrol\]"):
        require()


def test_a_mujoco_that_is_too_new_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pwm.envs.dmcontrol.package.version", lambda package: "4.0.0")
    with pytest.raises(UserError, match=r"mujoco 4.0.0 is too new .*pip install 'mujoco>=3.17,<4'"):
        require()


@pytest.mark.parametrize("renderer", ["egl", "osmesa", "nonsense"])
def test_physics_needs_no_renderer_whatever_the_environment_says(
    renderer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os
    import subprocess

    code = "import os, pwm.envs as e; e.make('pendulum-spin', num_envs=1); print(os.environ['MUJOCO_GL'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "MUJOCO_GL": renderer},
        check=False,
    )
    assert done.stdout.strip() == renderer, done.stderr
