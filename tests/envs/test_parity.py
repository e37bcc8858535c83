"""The environments against recordings of dflex: one step from recorded states, and open loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from pwm.envs.newton.env import NewtonEnv
from tests.simulators import make

DATA = Path(__file__).parents[1] / "data" / "dflex"
Recording = dict[str, Tensor]


LEGGED = ("ant", "anymal", "humanoid")


def make_recorded(name: str, number: int) -> NewtonEnv:
    """As it was recorded, with no episode begun anew."""
    return cast(NewtonEnv, make(name, num_envs=number, auto_reset=False, mass_matrix_interval=16))


def load(name: str) -> Recording:
    with np.load(DATA / f"{name}.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays}


def transitions(recording: Recording) -> Recording:
    """All steps of a recording, independent of each other: ``[T * N, ...]``."""
    full = dict(recording)
    for key in ("joint_q", "joint_qd"):
        full[key] = torch.cat([recording[key].unsqueeze(0), recording[f"next_{key}"][:-1]])
    return {key: tensor.flatten(0, 1) for key, tensor in full.items()}


def align(quaternion: Tensor, reference: Tensor) -> Tensor:
    """q and -q are the same rotation."""
    return quaternion * torch.sign((quaternion * reference).sum(dim=1, keepdim=True))


def relative_error(found: Tensor, expected: Tensor, before: Tensor) -> Tensor:
    return (found - expected).norm(dim=1) / (expected - before).norm(dim=1)


def one_step_errors(name: str, one: Recording) -> tuple[Tensor, Tensor]:
    env = make_recorded(name, len(one["action"]))
    env.set_state(one["joint_q"], one["joint_qd"])
    env.step(one["action"])
    joint_q, joint_qd = env.get_state()
    if name in LEGGED:
        joint_q[:, 3:7] = align(joint_q[:, 3:7], one["next_joint_q"][:, 3:7])
    return (
        relative_error(joint_q, one["next_joint_q"], one["joint_q"]),
        relative_error(joint_qd, one["next_joint_qd"], one["joint_qd"]),
    )


@pytest.mark.parametrize(
    ("name", "file", "median", "tail"),
    [
        ("ant", "ant", 1e-5, 1e-4),
        ("ant", "ant_free_flight", 1e-4, 1e-3),
        ("cartpole", "cartpole", 1e-5, 1e-4),
        ("anymal", "anymal", 1e-5, 1e-4),
        ("hopper", "hopper", 1e-5, 1e-4),
        ("humanoid", "humanoid", 1e-5, 1e-4),
        ("double_pendulum", "double_pendulum", 1e-5, 1e-4),
    ],
)
def test_one_step_from_a_recorded_state(name: str, file: str, median: float, tail: float) -> None:
    recording = load(file)
    one = recording if recording["action"].dim() == 2 else transitions(recording)
    for error in one_step_errors(name, one):
        assert error.median() <= median
        assert error.quantile(0.95) <= tail


@pytest.mark.parametrize("name", [*LEGGED, "cartpole", "hopper", "double_pendulum"])
def test_observation_reward_and_termination_are_the_recorded_ones(name: str) -> None:
    one = transitions(load(name))
    env = make_recorded(name, len(one["action"]))
    env.set_state(one["joint_q"], one["joint_qd"])
    step = env.step(one["action"])
    close_rows = ((step.observation - one["next_obs"]).abs() <= 1e-4).all(dim=1)
    assert close_rows.float().mean() >= 0.95
    error = (step.reward - one["reward"]).abs() / one["reward"].abs().clamp(min=1.0)
    assert (error <= 1e-4).float().mean() >= 0.95
    assert torch.equal(step.terminated, one["terminated"])
    if name in (*LEGGED, "hopper"):
        assert one["terminated"].any() and not one["terminated"].all()


@pytest.mark.parametrize(
    ("name", "joints"),
    [
        ("ant", slice(7, 15)),
        ("anymal", slice(7, 19)),
        ("humanoid", slice(7, 28)),
        ("cartpole", slice(0, 2)),
        ("hopper", slice(0, 6)),
        ("double_pendulum", slice(0, 2)),
    ],
)
def test_open_loop_over_the_recorded_actions(name: str, joints: slice) -> None:
    recording = load(name)
    env = make_recorded(name, recording["action"].shape[1])
    env.set_state(recording["joint_q"], recording["joint_qd"])
    for action, expected in zip(recording["action"], recording["next_joint_q"], strict=True):
        env.step(action)
        error = (env.get_state()[0] - expected)[:, joints].abs()
        assert error.median() <= 1e-3


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [("ant", "inertia", "true"), ("humanoid", "inertia", "true"), ("humanoid", "mass_matrix_interval", 48)],
)
def test_true_inertias_and_an_older_mass_matrix_are_another_robot(name: str, option: str, value: Any) -> None:
    one = transitions(load(name))
    env = make(name, num_envs=len(one["action"]), auto_reset=False, **{option: value})
    env.set_state(one["joint_q"], one["joint_qd"])
    env.step(one["action"])
    error = relative_error(env.get_state()[1], one["next_joint_qd"], one["joint_qd"])
    assert error.median() > 5e-3
