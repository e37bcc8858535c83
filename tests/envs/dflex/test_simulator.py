"""dflex itself: against its recordings, against the Newton environments, and every environment by name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pwm.commands import gpu
from pwm.envs import ENVS
from tests.envs.dflex.conftest import needs_dflex
from tests.envs.test_parity import align, load, relative_error, transitions
from tests.simulators import make

pytestmark = needs_dflex
NAMES = sorted(name for name in ENVS if name.startswith("dflex_"))


@pytest.mark.parametrize("file", ["ant", "ant_free_flight", "cartpole"])
def test_one_step_from_a_recorded_state_is_the_recorded_one(file: str) -> None:
    recording = load(file)
    one = recording if recording["action"].dim() == 2 else transitions(recording)
    env = make(f"dflex_{file.split('_')[0]}", num_envs=len(one["action"]), auto_reset=False)
    env.set_state(one["joint_q"], one["joint_qd"])
    step = env.step(one["action"])
    joint_q, joint_qd = env.get_state()
    torch.testing.assert_close(joint_q, one["next_joint_q"], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(joint_qd, one["next_joint_qd"], rtol=1e-5, atol=1e-4)
    if "reward" in one:
        torch.testing.assert_close(step.observation, one["next_obs"], rtol=1e-5, atol=1e-4)
        torch.testing.assert_close(step.reward, one["reward"], rtol=1e-5, atol=1e-4)
        assert torch.equal(step.terminated, one["terminated"])


@pytest.mark.parametrize("name", ["ant", "cartpole"])
def test_the_newton_environment_takes_the_same_steps(name: str) -> None:
    """Each from the state in which dflex was, along episodes from random starts under random actions."""
    dflex, newton = (make(each, num_envs=16, seed=2, auto_reset=False) for each in (f"dflex_{name}", name))
    generator = torch.Generator().manual_seed(4)
    errors, differences = [], []
    for _ in range(40):
        action = torch.rand(16, dflex.act_dim, generator=generator) * 2 - 1
        joint_q, joint_qd = dflex.get_state()
        for env in (dflex, newton):
            env.set_state(joint_q, joint_qd)
        expected, found = dflex.step(action), newton.step(action)
        (expected_q, expected_qd), (found_q, found_qd) = dflex.get_state(), newton.get_state()
        if name == "ant":
            found_q[:, 3:7] = align(found_q[:, 3:7], expected_q[:, 3:7])
        errors.append(relative_error(found_q, expected_q, joint_q))
        errors.append(relative_error(found_qd, expected_qd, joint_qd))
        differences.append((found.observation - expected.observation).abs().amax(dim=1))
        differences.append((found.reward - expected.reward).abs())
        assert torch.equal(found.terminated, expected.terminated)
    assert torch.cat(errors).median() <= 1e-5
    assert torch.cat(errors).quantile(0.95) <= 1e-4
    assert torch.cat(differences).quantile(0.95) <= 1e-4


def test_both_ants_start_alike() -> None:
    """The same distribution of starts, judged by its means and spreads."""
    for one, other in zip(
        *(make(name, num_envs=256).get_state() for name in ("ant", "dflex_ant")), strict=True
    ):
        torch.testing.assert_close(one.mean(dim=0), other.mean(dim=0), rtol=0.0, atol=0.06)
        torch.testing.assert_close(one.std(dim=0), other.std(dim=0), rtol=0.0, atol=0.04)


@pytest.mark.parametrize("name", NAMES)
def test_every_environment_steps_and_resumes(name: str) -> None:
    env = make(name, num_envs=2, seed=1)
    assert env.reset().shape == (2, env.obs_dim)
    generator = torch.Generator().manual_seed(0)
    actions = torch.rand(6, 2, env.act_dim, generator=generator) * 2 - 1
    for action in actions[:3]:
        env.step(action)
    state = env.state_dict()
    expected = [env.step(action) for action in actions[3:]]
    resumed = make(name, num_envs=2, seed=5)
    resumed.load_state_dict(state)
    for action, step in zip(actions[3:], expected, strict=True):
        for found, tensor in zip(resumed.step(action), step, strict=True):
            assert torch.equal(found, tensor)
            assert tensor.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_forward_velocity_is_that_along_x(name: str) -> None:
    env = make(name, num_envs=4, auto_reset=False)
    before = env.get_state()[0][:, 0]
    step = env.step(torch.zeros(4, env.act_dim))
    velocity = env.forward_velocity(step.observation)
    if name in ("dflex_cartpole", "dflex_double_pendulum"):
        assert velocity.isnan().all()
    else:
        torch.testing.assert_close(velocity, (env.get_state()[0][:, 0] - before) * 60, rtol=0.3, atol=0.3)


def test_the_comparison_for_a_gpu_finds_one_ant_in_both_simulators() -> None:
    found = gpu._do("dflex", out=Path(), tiny=True, seconds=0.0)
    assert found["agreeing"] > 0.9 and found["steps_per_s"] > 0
