"""A run as its user sees it: start, stop, resume, and what goes wrong."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from pwm.cli import main
from pwm.commands import loop
from pwm.config.types import TrainConfig
from pwm.run.checkpoint import Checkpoints
from pwm.run.signals import STOPPED
from tests.commands.outcomes import assert_same, rows

TINY = (
    *("train", "alg=mt_flow_v1", "size=tiny", "wm_loss=mixture", "num_envs=8", "wm_batch_size=16"),
    *("wm_updates=2", "wm_first_updates=4", "critic_passes=1", "horizon=4", "replay_capacity=4000"),
    *("env.options.episode_length=6", "eval_episodes=2", "eval_every=4", "checkpoint_every=2", "log_every=1"),
)
WORKER = "import sys; from pwm.cli import main; sys.exit(main(sys.argv[1:]))"


def start(folder: Path, *overrides: str) -> subprocess.Popen[str]:
    """Training in a process of its own."""
    command = [sys.executable, "-u", "-c", WORKER, *TINY, f"run={folder}", *overrides]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)


def wait_for(process: subprocess.Popen[str], text: str) -> None:
    """Read what it prints until ``text`` comes."""
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(f"{text!r} was never printed")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of eight epochs that nothing interrupted."""
    folder = tmp_path_factory.mktemp("train") / "whole"
    process = start(folder, "max_epochs=8")
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return folder


def test_a_run_reports_every_epoch_and_evaluates_where_asked(whole: Path) -> None:
    reported = rows(whole)
    assert [row["epoch"] for row in reported] == list(range(1, 9))
    assert [row["epoch"] for row in reported if "eval_R" in row] == [4, 8]
    last = json.loads((whole / "metrics.jsonl").read_text().splitlines()[-1])
    wanted = {"R", "episode_length", "forward_velocity", "eval_forward_velocity", "env_steps", "wm_loss"}
    phases = {"collect", "actor", "critic", "world_model", "evaluate"}
    assert wanted | {f"seconds_{phase}" for phase in phases} | {"seconds", "fps"} <= set(last)
    assert {path.name for path in (whole / "checkpoints").glob("epoch-*")} == {"epoch-6.pt", "epoch-8.pt"}


def test_a_finished_run_says_so_and_does_nothing(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = rows(whole)
    assert main([*TINY, f"run={whole}", "max_epochs=8"]) == 0
    assert "finished" in capsys.readouterr().out
    assert rows(whole) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR2, signal.SIGINT])
def test_stopped_by_a_signal_and_started_again_it_is_as_if_never_stopped(
    whole: Path, tmp_path: Path, number: signal.Signals
) -> None:
    folder = tmp_path / "run"
    process = start(folder, "max_epochs=8")
    wait_for(process, "[3/8]")
    process.send_signal(number)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == STOPPED, output
    assert "the same command resumes" in output
    process = start(folder, "max_epochs=8")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0 and "resuming" in output, output
    assert_same(whole, folder)


def test_checkpoints_written_beside_the_training_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Beside(loop.TrainingRun):
        def __init__(self, config: TrainConfig) -> None:
            super().__init__(config)
            self._beside = True

    monkeypatch.setattr(loop, "TrainingRun", Beside)
    folder = tmp_path / "run"
    for epochs in (5, 8):
        assert main([*TINY, f"run={folder}", "lr_schedule=constant", f"max_epochs={epochs}"]) == 0
    monkeypatch.undo()
    other = tmp_path / "other"
    for epochs in (5, 8):
        assert main([*TINY, f"run={other}", "lr_schedule=constant", f"max_epochs={epochs}"]) == 0
    assert_same(folder, other)


def test_killed_without_warning_it_loses_at_most_one_checkpoint_interval(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = start(folder, "max_epochs=8")
    wait_for(process, "[5/8]")
    process.kill()
    process.wait()
    with open(folder / "metrics.jsonl", "a") as file:
        file.write('{"epoch": 6, "R"')  # half a line
    process = start(folder, "max_epochs=8")
    output, _ = process.communicate(timeout=120)
    assert "after epoch 4" in output or "after epoch 6" in output, output
    assert_same(whole, folder)


def test_eval_reads_the_checkpoint_and_reports_each_task(
    whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["eval", f"run={whole}", "--episodes", "3"]) == 0
    first = capsys.readouterr().out
    assert "epoch 8" in first and "ant" in first
    assert main(["eval", f"run={whole}", "--episodes", "3"]) == 0
    assert capsys.readouterr().out == first
    assert main(["eval", f"run={whole}", "--best", "--episodes", "3"]) == 0


@pytest.mark.parametrize("run", ["nowhere", "empty"])
def test_eval_of_what_is_no_run_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str], run: str) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["eval", f"run={tmp_path / run}"]) == 2
    error = capsys.readouterr().err
    assert "is not a run folder" in error and error.count("\n") == 1


def test_a_corrupt_checkpoint_falls_back_to_the_one_before_and_says_so(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    newest = folder / "checkpoints" / "epoch-8.pt"
    newest.write_bytes(newest.read_bytes()[:5000])
    process = start(folder, "max_epochs=8")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert "checkpoint of epoch 8 passed over" in output and "resuming" in output
    assert_same(whole, folder)


def test_a_finished_run_may_be_given_more_epochs(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    process = start(folder, "max_epochs=16")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    said = "max_epochs raised from 8 to 16: the learning rates now fall to 1e-05 until there (wm_lr 1e-05 -> "
    assert said in output
    assert [row["epoch"] for row in rows(folder)] == list(range(1, 17))
    assert rows(folder)[:8] == rows(whole)
    assert main([*TINY, f"run={folder}", "max_epochs=8"]) == 2


def test_an_error_in_the_evaluation_loses_nothing(tmp_path: Path) -> None:
    """The evaluation after epoch 4 fails; what came before is on disk, and the next start makes up for it."""
    folder, code = (
        tmp_path / "run",
        WORKER.replace("import sys;", "import sys; import tests.commands.failing;"),
    )
    command = [sys.executable, "-u", "-c", code, *TINY, f"run={folder}", "max_epochs=8"]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    failed = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert failed.returncode == 2 and "no evaluation today" in failed.stderr, failed.stderr
    assert Checkpoints(folder / "checkpoints").epochs()[-1] == 4
    process = start(folder, "max_epochs=8")
    output, _ = process.communicate(timeout=120)
    assert "after epoch 4" in output and process.returncode == 0, output
    assert [row["epoch"] for row in rows(folder) if "eval_R" in row] == [4, 8]


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("eval_episodes=3", "eval_episodes=3 does not split evenly over 2 tasks; take a multiple of 2"),
        ("num_envs=9", "num_envs=9 does not split evenly over 2 tasks; take a multiple of 2"),
    ],
)
def test_what_does_not_split_over_the_tasks_is_found_at_the_start(
    override: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [text for text in TINY if text.split("=")[0] != override.split("=")[0]]
    command = [*arguments, "tasks=[ant,cartpole]", "env.options={}", override, f"run={tmp_path / 'run'}"]
    assert main(command) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_of_a_gpu_is_resumed_on_the_cpu_with_new_random_numbers(
    whole: Path, tmp_path: Path
) -> None:
    """One made to look like it: a GPU's generators have a state of 16 bytes."""
    outputs = []
    for name in ("a", "b"):
        folder = tmp_path / name
        shutil.copytree(whole, folder)
        path = folder / "checkpoints" / "epoch-6.pt"
        (folder / "checkpoints" / "epoch-8.pt").unlink()
        content = torch.load(path, weights_only=True)
        state = content["state"]
        state["process"][0]["random_cuda"] = torch.arange(16, dtype=torch.uint8)
        state["env"][0]["ant"]["generator"] = torch.arange(16, dtype=torch.uint8)
        torch.save(content, path)
        process = start(folder, "max_epochs=8")
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
        assert output.count("the checkpoint is of a run on cuda, this one is on cpu: its random numbers") == 1
        outputs.append(rows(folder))
    assert outputs[0] == outputs[1]  # the same every time
    assert outputs[0][:6] == rows(whole)[:6] and outputs[0][6:] != rows(whole)[6:]


def test_another_experiments_folder_is_refused(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*TINY, f"run={whole}", "max_epochs=8", "wm_lr=0.1"]) == 2
    error = capsys.readouterr().err
    assert "another experiment" in error and "wm_lr" in error and error.count("\n") == 1


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    # Learning rates that throw the weights beyond what float32 holds.
    process = start(folder, "max_epochs=400", "wm_lr=1e30", "final_lr=1e30", "checkpoint_every=1")
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 2, output
    last = output.strip().splitlines()[-1]
    assert last.startswith("pwm: error: not finite") or "is not finite" in last
    kept = Checkpoints(folder / "checkpoints")
    loaded = kept.load_latest()
    assert loaded is not None and f"checkpoint of epoch {loaded[1]} is kept" in last
    assert all(value.isfinite().all() for value in loaded[0]["agent"].values())


def test_stopping_does_not_wait_for_a_long_epoch(tmp_path: Path) -> None:
    """The first trained epoch may take hours: it is dropped, and its start is on disk."""
    folder = tmp_path / "run"
    process = start(folder, "max_epochs=8", "wm_first_updates=1000000")
    deadline = time.monotonic() + 120
    while not list((folder / "checkpoints").glob("epoch-2.pt")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGUSR2)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == STOPPED, output
    assert Checkpoints(folder / "checkpoints").epochs() == [2]
