"""Open-loop errors: a perfect model has none, one that predicts nothing has about one or more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from pwm.algorithms.agent import Agent
from pwm.cli import main
from pwm.config.compose import compose
from pwm.data import Slices
from pwm.envs.base import VectorEnv
from pwm.evaluation import gradient_quality, model_quality
from pwm.learning.build import Spaces, build_agent, build_env

TINY = (
    *("alg=mt_flow_v1", "size=tiny", "num_envs=8", "wm_batch_size=16", "wm_updates=1", "wm_first_updates=1"),
    *("critic_passes=1", "horizon=4", "replay_capacity=4000", "eval_episodes=2", "eval_every=0"),
    *("max_epochs=2", "threads=1"),
)


@pytest.fixture(scope="module")
def env() -> VectorEnv:
    return build_env(compose(list(TINY)), 8, torch.device("cpu"), 0)


@pytest.fixture(scope="module")
def sliced(env: VectorEnv) -> tuple[Agent, Slices]:
    """An untrained flow, whose velocity is zero: it predicts that nothing changes."""
    torch.manual_seed(0)
    agent = build_agent(compose(list(TINY)), Spaces.of(env), env.device)
    slices = model_quality.gather(agent, env, 3)
    assert slices.observation.shape[0] == 17 and slices.action.shape[:2] == slices.reward.shape
    return agent, slices


@pytest.fixture(scope="module")
def measured(env: VectorEnv, sliced: tuple[Agent, Slices]) -> dict[str, dict[str, list[float]]]:
    agent, slices = sliced
    slopes = gradient_quality.gather(agent, env, 1, model_quality.HORIZON, 2, 0.99)
    return model_quality.measure(agent, slices, slices, slopes, 0.99)


def test_every_substep_count_and_every_step_is_measured(measured: dict[str, dict[str, list[float]]]) -> None:
    assert list(measured) == ["1", "2", "4", "8", "16"]
    assert all(len(curve) == 16 for kinds in measured.values() for curve in kinds.values())


def test_that_nothing_changes_is_a_worse_guess_the_longer_one_waits(
    measured: dict[str, dict[str, list[float]]],
) -> None:
    assert measured["1"]["latent"] == measured["8"]["latent"]
    latent, observation = measured["2"]["latent"], measured["2"]["observation"]
    assert 0 < latent[0] < latent[15] and 0 < observation[0] < observation[15]


def test_the_share_of_a_guess_at_the_mean_is_one_and_of_the_truth_zero() -> None:
    values = torch.randn(17, 5, 3)
    assert model_quality._share(
        values.reshape(-1, 3).mean(0) - values.reshape(-1, 3), values
    ) == pytest.approx(1)
    assert model_quality._share(torch.zeros(5, 3), values) == 0


def test_rewards_that_are_off_by_one_add_up_to_a_return_that_is_off(
    sliced: tuple[Agent, Slices], monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, data = sliced
    told = iter(data.reward + 1.0)
    monkeypatch.setattr(agent.world_model, "reward", lambda *_: next(told))
    with torch.no_grad():
        errors = model_quality.errors(agent, data, torch.zeros(65, data.observation.shape[-1]), 0.5)
    weights = 0.5 ** torch.arange(16.0)
    real = (data.reward * weights[:, None]).cumsum(0).double()
    expected = weights.cumsum(0).double().square() / real.var(1, correction=0)
    assert errors["return"] == pytest.approx(expected.tolist(), rel=1e-4)
    assert errors["reward"] == pytest.approx([1 / float(data.reward.double().var(correction=0))] * 16)


def test_a_run_is_measured_for_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    assert main(["train", *TINY, f"run={folder}"]) == 0
    assert main(["eval", f"run={folder}", "--world-model", "--episodes", "4", "--device", "cpu"]) == 0
    assert "after 1, 4, 8 and 16 open-loop steps" in capsys.readouterr().out
    kept = json.loads((folder / "world_model.json").read_text())
    assert kept["substeps"] == 2 and set(kept["errors"]["2"]) == {
        "latent", "reward", "return", "observation", "gradient",
    }  # fmt: skip
