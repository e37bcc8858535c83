"""World models from stores, and policies from world models, as their user sees them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pwm.cli import main
from pwm.config.compose import compose
from pwm.data.shards import Task, Writer
from pwm.run.signals import STOPPED
from tests.commands.outcomes import agent, assert_same, rows

SMALL = ("size=tiny", "units=[32]", "encoder_units=[32]", "latent_dim=16", "horizon=4", "log_every=2")
MODEL = ("wm_batch_size=16", "wm_updates=3", "steps=18", "eval_every=3", "checkpoint_every=2")
POLICY = (
    *("max_epochs=6", "imagination_batch=16", "critic_passes=1", "horizon=4", "eval_every=3"),
    *("eval_episodes=2", "checkpoint_every=2", "log_every=2"),
)
ALGS = ("mt_baseline", "mt_flow_v1")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stores") / "two"
    assert main(["data", "generate", f"data={path}", "tasks=[cartpole,double_pendulum]", "episodes=12"]) == 0
    return path


@pytest.fixture(scope="module")
def models(store: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    for alg in ALGS:
        assert main(["pretrain", f"alg={alg}", f"data={store}", *SMALL, *MODEL, f"run={root / alg}"]) == 0
    return {alg: root / alg for alg in ALGS}


def stopped_after(words: list[str], text: str, number: signal.Signals) -> int:
    """Run ``pwm`` until it prints ``text``, then send a signal; returns the exit code."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "pwm", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            break
    process.send_signal(number)
    process.communicate()
    return process.returncode


def test_a_world_model_learns_what_it_does_not_see(models: dict[str, Path]) -> None:
    for folder in models.values():
        found = rows(folder)
        assert found[-1]["updates"] == 18 and found[-1]["epoch"] == found[-1]["max_epochs"] == 6
        evaluated = [row for row in found if "eval_wm_loss" in row]
        assert [row["epoch"] for row in evaluated] == [3, 6]
        for task in ("cartpole", "double_pendulum"):
            assert evaluated[1][f"eval_wm_loss_{task}"] > 0
            assert {f"eval_{kind}_error_16_{task}" for kind in ("latent", "reward", "observation")} <= set(
                evaluated[1]
            )
        mean = sum(evaluated[1][f"eval_wm_loss_{task}"] for task in ("cartpole", "double_pendulum")) / 2
        assert evaluated[1]["eval_wm_loss"] == pytest.approx(mean)
        assert evaluated[1]["eval_wm_loss"] < evaluated[0]["eval_wm_loss"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_pretraining_goes_on_where_it_was_and_ends_the_same(
    number: signal.Signals, store: Path, models: dict[str, Path], tmp_path: Path
) -> None:
    words = ["pretrain", "alg=mt_flow_v1", f"data={store}", *SMALL, *MODEL, f"run={tmp_path / 'r'}"]
    code = stopped_after(words, "[4/6]", number)
    assert code == (STOPPED if number == signal.SIGTERM else -signal.SIGKILL)
    assert main(words) == 0
    assert_same(tmp_path / "r", models["mt_flow_v1"])


def test_several_processes_pretrain_together_and_go_on(store: Path, tmp_path: Path) -> None:
    words = ["pretrain", "alg=mt_baseline", f"data={store}", *SMALL, *MODEL, "num_processes=2"]
    words += ["latent=standardized", "wm_loss=mixture"]
    assert main([*words, f"run={tmp_path / 'whole'}"]) == 0
    assert main([*words, "steps=9", f"run={tmp_path / 'parts'}", "lr_schedule=constant"]) == 0
    assert main([*words, f"run={tmp_path / 'parts'}", "lr_schedule=constant"]) == 0
    epochs = [row["epoch"] for row in rows(tmp_path / "parts")]
    assert epochs == sorted(set(epochs)) and epochs[-1] == 6
    assert rows(tmp_path / "whole")[-1]["updates"] == 18


@pytest.mark.parametrize("alg", ALGS)
def test_a_policy_changes_nothing_of_its_world_model_and_goes_on_where_it_was(
    alg: str, models: dict[str, Path], tmp_path: Path
) -> None:
    words = ["train", f"world_model={models[alg]}", "task=double_pendulum", *POLICY]
    assert main([*words, f"run={tmp_path / 'whole'}"]) == 0
    model, policy = agent(models[alg]), agent(tmp_path / "whole")
    for name, value in model.items():
        learned = name.startswith(("actor.", "critic.", "return_stats."))
        assert learned or torch.equal(policy[name], value), name
    assert not torch.equal(policy["actor.mean.0.weight"], model["actor.mean.0.weight"])
    assert stopped_after([*words, f"run={tmp_path / 'killed'}"], "[4/6]", signal.SIGKILL) == -signal.SIGKILL
    assert main([*words, f"run={tmp_path / 'killed'}"]) == 0
    assert_same(tmp_path / "whole", tmp_path / "killed")
    found = rows(tmp_path / "whole")
    assert found[-1]["eval_length"] == 240.0 and found[-1]["eval_R"] < 0
    assert "R" not in found[-1] and found[-1]["env_steps"] == 0


@pytest.mark.parametrize("wm_loss", ["one_step", "mixture"])
def test_finetuning_trains_online_from_the_model_and_goes_on_where_it_was(
    wm_loss: str, models: dict[str, Path], tmp_path: Path
) -> None:
    words = ["train", f"world_model={models['mt_baseline']}", "task=double_pendulum", *POLICY]
    words += ["finetune_world_model=true", "num_envs=8", "wm_batch_size=16", "wm_first_updates=2"]
    words += ["wm_updates=1", "max_epochs=8", "env.options.episode_length=9", f"wm_loss={wm_loss}"]
    words += ["replay_capacity=1000"]
    assert main([*words, f"run={tmp_path / 'whole'}"]) == 0
    model, tuned = agent(models["mt_baseline"]), agent(tmp_path / "whole")
    assert not torch.equal(tuned["world_model.encoder.0.weight"], model["world_model.encoder.0.weight"])
    found = rows(tmp_path / "whole")
    assert found[-1]["env_steps"] == 8 * 8 * 4 and found[-1]["episode_length"] == 9.0
    assert found[-1]["R"] < 0 and "R_cartpole" not in found[-1]
    assert stopped_after([*words, f"run={tmp_path / 'killed'}"], "[6/8]", signal.SIGKILL) == -signal.SIGKILL
    assert main([*words, f"run={tmp_path / 'killed'}"]) == 0
    assert_same(tmp_path / "whole", tmp_path / "killed")


def test_a_policy_is_evaluated_and_a_model_says_that_it_has_none(
    models: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = models["mt_baseline"]
    assert main(["train", f"world_model={folder}", "task=cartpole", *POLICY, f"run={tmp_path / 'p'}"]) == 0
    assert main(["eval", f"run={tmp_path / 'p'}", "--episodes", "3"]) == 0
    shown = capsys.readouterr().out
    assert "cartpole" in shown and "double_pendulum  " not in shown
    assert main(["eval", f"run={folder}"]) == 2
    assert "holds a world model and no policy: `pwm train world_model=" in capsys.readouterr().err
    assert main(["eval", f"run={folder}", "--world-model", "--episodes", "4"]) == 0
    assert "stretches" in capsys.readouterr().out


def test_the_score_table_of_all_tasks(
    models: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [
        "suite",
        "extract",
        f"world_model={models['mt_baseline']}",
        *POLICY,
        "--seeds",
        "0,1",
        "--jobs",
        "2",
    ]
    assert main(words) == 0
    shown = capsys.readouterr().out
    lines = {line.split()[0]: line.split() for line in shown.splitlines() if line.strip()}
    assert lines["cartpole"][-1] == lines["double_pendulum"][-1] == "2"
    assert float(lines["cartpole"][1]) == pytest.approx(-1859, abs=300)
    root = tmp_path / "runs" / "policies" / "mt_baseline"
    assert sorted(path.name for path in root.iterdir()) == [
        "baselines.json", "cartpole-s0", "cartpole-s1", "double_pendulum-s0", "double_pendulum-s1"
    ]  # fmt: skip
    assert main(words) == 0
    assert "4 of 4 runs are finished already" in capsys.readouterr().out


def test_a_policy_has_its_world_models_networks(
    models: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", f"world_model={models['mt_flow_v1']}", "task=cartpole", "--cfg", "job"]) == 0
    shown = capsys.readouterr().out
    for line in (
        *(
            "name: mt_flow_v1",
            "stage: extract",
            "latent_dim: 16",
            "flow_integrator: heun",
            "max_epochs: 10000",
        ),
        *("imagination_batch: 512", "horizon: 16", "run: runs/policies/mt_flow_v1/cartpole-s0"),
    ):
        assert line in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["pretrain", "alg=mt_baseline"], "data=<store> is missing"),
        (["pretrain", "alg=mt_baseline", "data=nowhere"], "nowhere is no store"),
        (["pretrain", "data={store}"], "no experiment named"),
        (
            ["pretrain", "alg=st_baseline", "data={store}"],
            "needs multitask=true: choose an mt_ alg, or name one",
        ),
        (["pretrain", "alg=mt_baseline", "data={store}", "steps=0"], "steps=0: expected a number of updates"),
        (
            ["pretrain", "alg=mt_baseline", "data={store}", "tasks=[ant]", *SMALL, "run={tmp}/r"],
            "unknown task of the store {store} 'ant'; choose one of cartpole, double_pendulum",
        ),
        (["train", "alg=mt_baseline", "data={store}"], "data={store} needs world_model=<folder>"),
        (["train", "alg=mt_baseline", "task=cartpole"], "task=cartpole needs world_model=<folder>"),
        (["train", "alg=mt_baseline", "finetune_world_model=true"], "needs world_model=<folder>"),
        (["train", "world_model=nowhere", "task=cartpole"], "nowhere is not a run folder"),
        (["train", "world_model={model}", "task=ant"], "unknown task of the world model 'ant'"),
        (["train", "world_model={model}"], "unknown task of the world model ''; choose one of cartpole"),
        (
            ["train", "world_model={model}", "task=cartpole", "alg=mt_flow_v1"],
            "alg=mt_flow_v1, but {model} holds a world model of alg=mt_baseline",
        ),
        (
            ["train", "world_model={model}", "task=cartpole", "latent_dim=64"],
            "latent_dim=64, but {model} holds a world model of latent_dim=16",
        ),
        (["train", "world_model={model}", "task=cartpole", "num_processes=2"], "extracted by one process"),
        (
            ["suite", "extract", "world_model={model}", "task=cartpole"],
            "task=cartpole: here every task and seed",
        ),
        (["suite", "extract", "world_model={model}", "tasks=[ant]"], "unknown task of the world model 'ant'"),
        (["suite", "extract", "tasks=[ant]"], "world_model=<folder> is missing"),
        (["train", "world_model={model}", "task=cartpole", "imagination_batch=0"], "imagination_batch=0: a"),
        (["data", "generate", "data={tmp}/d", "run={model}"], "run={model}: expected an online training"),
        (["data", "from-replay", "data={tmp}/d", "run={model}"], "holds no checkpoint with a replay"),
    ],
)
def test_mistakes_are_told_in_a_line(
    words: list[str],
    said: str,
    store: Path,
    models: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    places = {"store": store, "model": models["mt_baseline"], "tmp": tmp_path}
    assert main([word.format(**places) for word in words]) == 2
    error = capsys.readouterr().err
    assert said.format(**places) in error and error.count("\n") == 1


def test_a_store_of_other_sizes_than_the_world_models_is_refused(
    models: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Writer(tmp_path / "wide", [Task("cartpole", 9, 1), Task("double_pendulum", 6, 1)], {}) as writer:
        from tests.data_layer.test_store import episode

        writer.write("a", [episode(0, 0, 5)])
        writer.finish()
    words = ["train", f"world_model={models['mt_baseline']}", f"data={tmp_path / 'wide'}", "task=cartpole"]
    assert main([*words, *POLICY, f"run={tmp_path / 'r'}"]) == 2
    assert "has observations of 9 and actions of 1, the world model of 6 and 1" in capsys.readouterr().err


def test_another_store_in_its_place_is_refused(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks, data = "tasks=[cartpole,double_pendulum]", f"data={tmp_path / 'd'}"
    words = ["pretrain", "alg=mt_baseline", data, *SMALL, *MODEL, f"run={tmp_path / 'r'}"]
    assert main(["data", "generate", data, tasks, "episodes=4"]) == 0
    assert main([*words, "steps=6"]) == 0
    shutil.rmtree(tmp_path / "d")
    assert main(["data", "generate", data, tasks, "episodes=4", "seed=1"]) == 0
    assert main(words) == 2
    assert "is another store than this run began with" in capsys.readouterr().err


def test_the_defaults_of_both_stages() -> None:
    pretrain = compose(["alg=mt_flow_v2", "stage=pretrain", "data=x"])
    assert (pretrain.wm_batch_size, pretrain.horizon, pretrain.max_epochs) == (512, 16, 20000)
    extract = compose(["alg=mt_flow_v2", "stage=extract", "world_model=x", "task=ant"])
    assert (extract.max_epochs, extract.imagination_batch, extract.horizon) == (10000, 512, 16)
    assert (extract.eval_every, extract.eval_episodes, extract.critic_passes) == (200, 10, 8)
