"""A sweep at W&B, from its creation to a requeued cell: with the real client and agent, a server that hands
out cells, and stand-ins for Slurm and Apptainer."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from pwm.cli import main
from pwm.errors import UserError
from pwm.run.folder import RunFolder
from pwm.run.wandb_copy import State
from pwm.suite.slurm import records
from pwm.suite.sweeps import cell, sweep
from tests.slurm.fake import FakeSlurm, cluster_yaml, install
from tests.tracking.servers import KEY, Front, Server
from tests.tracking.tiny import TINY

LONGER = ("max_epochs=200", "log_every=10", "checkpoint_every=50")
# Runs what is installed here instead of an image.
APPTAINER = """#!/bin/bash
shift
while [[ $1 == --* ]]; do [[ $1 == --nv ]] || shift; shift; done
shift
exec {python} -m pwm "$@"
"""
SCRIPT = "jobs/mine/sweep_tiny.sbatch"


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSlurm:
    slurm = install(tmp_path, monkeypatch)
    slurm.queue()
    python = shlex.quote(sys.executable)
    slurm.command("apptainer", APPTAINER.format(python=python))
    slurm.command("pwm", f'#!/bin/sh\nexec {python} -m pwm "$@"\n')
    for name in ("WANDB_ENTITY", "WANDB_PROJECT"):  # the client sets them
        monkeypatch.setenv(name, "me" if name == "WANDB_ENTITY" else "pwm")
    Path("mine.yaml").write_text(cluster_yaml(overrides="[env.options.episode_length=6]"))
    Path("pwm.sif").touch()
    return slurm


def write_sweep(**changes: object) -> dict[str, object]:
    words = [word for word in TINY if not word.startswith(("alg=", "env.", "max_epochs=", "checkpoint_"))]
    written = {
        "program": "pwm",
        "method": "grid",
        "parameters": {"alg": {"values": ["mt_flow_v1"]}, "seed": {"values": [0, 3]}},
        "command": ["pwm", "train", "tracking=online", *words, *LONGER, "${args_no_hyphens}"],
        **changes,
    }
    Path("tiny.yaml").write_text(yaml.safe_dump(written))
    return written


def start(path: str) -> subprocess.Popen[str]:
    """Start a job of the sweep ``path``, as Slurm would."""
    job = {"SLURM_JOB_ID": "9", "SLURM_ARRAY_JOB_ID": "5", "SLURM_ARRAY_TASK_ID": "0"}
    return subprocess.Popen(
        ["bash", SCRIPT, path],
        env={**os.environ, **job, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def submit(*flags: str, name: str = "tiny.yaml") -> int:
    return main(["suite", "sweep", name, "--cluster", "mine.yaml", *flags])


def test_a_requeued_job_goes_on_with_its_own_cell_and_run(
    slurm: FakeSlurm, server: Server, front: Front, capsys: pytest.CaptureFixture[str]
) -> None:
    written = write_sweep()
    front.cells = [{"alg": "mt_flow_v1", "seed": 3}]
    assert submit() == 0
    assert [yaml.safe_load(text) for text in front.sweeps] == [{"name": "tiny", **written}]
    said = capsys.readouterr().out
    assert "a sweep at W&B" in said and f"{front.url}/me/pwm/sweeps/sweep-1" in said
    ((*flags, script, path),) = slurm.calls("sbatch")
    assert "--array=0,1" in flags and script == SCRIPT and path == "me/pwm/sweep-1"
    assert records.ids(Path("runs/cells/tiny")) == ["2314143_0", "2314143_1"]

    slurm.answer("squeue", "RUNNING\n")
    folder = Path("runs/mt_flow_v1-s3").resolve()
    first = start(path)
    deadline = time.monotonic() + 120
    while not (folder / "metrics.jsonl").exists() or not (folder / "metrics.jsonl").read_text():
        assert first.poll() is None, first.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    first.send_signal(signal.SIGUSR2)
    printed, _ = first.communicate(timeout=120)
    assert first.returncode == 75, printed
    assert slurm.calls("scontrol") == [["requeue", "5_0"]]

    second = start(path)
    printed, _ = second.communicate(timeout=120)
    assert second.returncode == 0, printed
    assert front.drawn == 1 and f"resuming {folder}" in printed
    assert State(RunFolder(folder)).id == "cell-1" and set(server.runs()) == {"cell-1"}
    assert server.epochs(folder) == list(range(10, 201, 10))
    config = json.loads(server.run(folder)["config_json"])
    assert config["alg"] == {"value": "mt_flow_v1"} and config["seed"] == {"value": 3}
    assert records.ids(folder) == ["5_0"]

    files = [file for place in (Path.cwd(), slurm.folder) for file in place.rglob("*") if file.is_file()]
    assert len(files) > 10 and not any(KEY.encode() in file.read_bytes() for file in files)


def test_without_a_key_a_grid_is_ordinary_jobs(slurm: FakeSlurm, capsys: pytest.CaptureFixture[str]) -> None:
    write_sweep()
    assert submit() == 0
    assert "ordinary jobs, tracked offline: there is no key for W&B" in capsys.readouterr().out
    (call,) = slurm.calls("sbatch")
    assert "--array=0,3" in call and "tracking=offline" in call and "tracking=online" not in call


def test_a_key_decides_and_local_overrules_it(
    slurm: FakeSlurm, desk: Front, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sweep()
    assert submit("--dry-run") == 0
    assert "sweep_tiny.sbatch entity/project/sweep" in capsys.readouterr().out
    assert submit("--local") == 0
    assert "ordinary jobs, tracked offline: --local" in capsys.readouterr().out
    (call,) = slurm.calls("sbatch")
    assert "tracking=offline" in call and not desk.sweeps


@pytest.mark.parametrize("trouble", ["refuses the key", "is silent", "is down"])
def test_a_key_without_its_server_submits_nothing_and_names_the_way_out(
    slurm: FakeSlurm,
    desk: Front,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    trouble: str,
) -> None:
    write_sweep()
    monkeypatch.setenv("WANDB_HTTP_TIMEOUT", "2")  # seconds
    if trouble == "refuses the key":
        desk.refuses = True
    elif trouble == "is silent":
        desk.hold()
    else:
        monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    assert submit() == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("pwm")]
    assert "W&B is out of reach or refuses the key" in line and "--local" in line
    assert not slurm.calls("sbatch") and not desk.sweeps


def test_no_cell_is_submitted_twice(
    slurm: FakeSlurm, desk: Front, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sweep()
    assert submit() == 0
    slurm.queue(("2314143_1", "PENDING", "0:00", "1-00:00:00", 0, "Priority"))
    assert submit() == 2
    assert "the sweep tiny is in the queue, last as job 2314143_1" in capsys.readouterr().err
    slurm.queue()
    Path("runs/mt_flow_v1-s3").mkdir()
    Path("runs/mt_flow_v1-s3/metrics.jsonl").write_text('{"epoch": 200, "R": 1.0}\n')
    assert submit() == 2
    captured = capsys.readouterr()
    assert "runs/mt_flow_v1-s3 is finished" in captured.out
    assert "1 of the 2 runs are done or in the queue" in captured.err and "--local" in captured.err
    assert len(desk.sweeps) == len(slurm.calls("sbatch")) == 1


def test_a_search_has_as_many_jobs_as_asked_for(
    slurm: FakeSlurm, desk: Front, capsys: pytest.CaptureFixture[str]
) -> None:
    assert submit(name="learning_rates") == 2
    assert "say --count <number of runs>" in capsys.readouterr().err
    assert submit("--count", "3", name="learning_rates") == 0
    (call,) = slurm.calls("sbatch")
    assert "--array=0,1,2" in call and call[-1] == "me/pwm/sweep-1"
    write_sweep()
    assert submit("--count", "3") == 2
    assert "leave out --count" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"command": ["python", "train.py", "${args}"]}, r"expected the command \[pwm, train"),
        ({"parameters": {"alg": {"values": ["mt_flow_v9"]}, "seed": {"value": 0}}}, "unknown alg"),
        ({"method": "random"}, "must give each run a folder"),
    ],
)
def test_a_mistake_is_told_before_anything_is_submitted(
    slurm: FakeSlurm, changes: dict[str, object], message: str
) -> None:
    write_sweep(**changes)
    with pytest.raises(UserError, match=message):
        sweep.run(["tiny.yaml", "--cluster", "mine.yaml"])
    assert not slurm.calls("sbatch")


@pytest.mark.parametrize(("code", "message"), [(1, "ended with exit code 1"), (None, "none within")])
def test_a_job_that_gets_no_cell_fails_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int | None, message: str
) -> None:
    def agent(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        if code is None:
            raise subprocess.TimeoutExpired(command, 1)
        return subprocess.CompletedProcess(command, code)

    monkeypatch.setattr(subprocess, "run", agent)
    with pytest.raises(UserError, match=f"no cell from me/pwm/x: .*{message}"):
        cell.draw(["me/pwm/x", str(tmp_path / "cells" / "5_0.json"), str(tmp_path)])


def test_a_sweep_that_is_done_gives_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 0))
    assert cell.draw(["me/pwm/x", str(tmp_path / "cells" / "5_0.json"), str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert not captured.out and "me/pwm/x has no cell left" in captured.err
