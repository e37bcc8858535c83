"""The table of jobs and progress, and the logs that are followed."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path

import pytest

from pwm.errors import UserError
from pwm.suite.slurm import follow, records, status
from tests.slurm.fake import FakeSlurm, cluster_yaml, install

RUN = Path("runs/mt_flow_v2-s3")
JOB = "2314143_3"
MINE = ["--cluster", "mine.yaml"]


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSlurm:
    slurm = install(tmp_path, monkeypatch)
    slurm.queue()
    Path("mine.yaml").write_text(cluster_yaml())
    records.add(RUN, JOB, "submitted to mine")
    return slurm


def progress(*returns: float, epochs: int = 20000) -> None:
    rows = [
        {"epoch": 10 * n, "max_epochs": epochs, "R": R, "seconds": 30.0 * n} for n, R in enumerate(returns, 1)
    ]
    (RUN / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def row(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """The cells of the one run, by column."""
    assert status.run(MINE) == 0
    header, line = capsys.readouterr().out.splitlines()[:2]
    names = [name for name in status.HEADER if name in header]
    starts = {name: header.index(name) for name in names if status.HEADER.index(name) in status.LEFT}
    cells = {}
    for name, start in starts.items():
        following = line[start:].split("  ")
        cells[name] = following[0].strip()
    cells["numbers"] = " ".join(line.split())
    return cells


def test_a_running_job_with_its_progress(slurm: FakeSlurm, capsys: pytest.CaptureFixture[str]) -> None:
    slurm.queue((JOB, "RUNNING", "1:02:03", "1-00:00:00", 0, "None"))
    progress(100.0, 1300.5, 1200.25)
    cells = row(capsys)
    assert (cells["experiment"], cells["job"], cells["state"]) == ("mt_flow_v2", JOB, "RUNNING")
    assert "1:02:03/1-00:00:00 30/20000 1200.25 1300.50 0s 16h 38m" in cells["numbers"]


def test_a_score_is_followed_by_what_it_is_made_of(
    slurm: FakeSlurm, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"epoch": 10, "max_epochs": 20, "R": 0.5, "R_hopper": 20.5, "R_ant": 101.0},
        {"epoch": 20, "max_epochs": 20, "R": 0.4, "R_hopper": 30.25, "R_ant": None},
    ]
    (RUN / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert status.run(MINE) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "mt_flow_v2, seed 3, R (peak R) of each task: hopper 30.25 (30.25), ant nan (101.00)"


@pytest.mark.parametrize(
    ("state", "restarts", "reason", "shown"),
    [
        ("PENDING", 0, "Priority", "PENDING"),
        ("PENDING", 2, "BeginTime", "PENDING (restart 2)"),
        ("RUNNING", 1, "None", "RUNNING (restart 1)"),
        ("FAILED", 0, "NonZeroExitCode", "FAILED"),
        ("TIMEOUT", 0, "TimeLimit", "TIMEOUT"),
        ("OUT_OF_MEMORY", 0, "OutOfMemory", "OUT_OF_MEMORY"),
        ("NODE_FAIL", 0, "NodeDown", "NODE_FAIL"),
        ("CANCELLED", 0, "None", "CANCELLED"),
        ("COMPLETED", 0, "None", "COMPLETED"),
        ("SOME_NEW_STATE", 0, "None", "SOME_NEW_STATE"),
    ],
)
def test_every_state_is_shown_with_its_reason(
    slurm: FakeSlurm, capsys: pytest.CaptureFixture[str], state: str, restarts: int, reason: str, shown: str
) -> None:
    slurm.queue((JOB, state, "0:10", "1:00:00", restarts, reason))
    cells = row(capsys)
    assert cells["state"] == shown
    assert cells["reason"] == ("" if reason == "None" else reason)


def test_a_job_that_slurm_forgot_is_asked_of_the_accounting(
    slurm: FakeSlurm, capsys: pytest.CaptureFixture[str]
) -> None:
    assert row(capsys)["state"] == "UNKNOWN"
    slurm.answer("sacct", f"{JOB}|CANCELLED by 1000|00:10:00|1-00:00:00\n")
    assert row(capsys)["state"] == "CANCELLED"


def test_a_finished_run_is_finished_whatever_slurm_knows(
    slurm: FakeSlurm, capsys: pytest.CaptureFixture[str]
) -> None:
    progress(1.0, 2.0, epochs=20)
    assert row(capsys)["state"] == "FINISHED"
    slurm.down()
    assert row(capsys)["state"] == "FINISHED"


def test_without_slurm_the_progress_is_shown_all_the_same(
    slurm: FakeSlurm, capsys: pytest.CaptureFixture[str]
) -> None:
    progress(1.0, 2.0)
    slurm.down()
    assert status.run(MINE) == 0
    out = capsys.readouterr().out
    assert " ? " in out
    assert "20/20000" in out
    assert out.splitlines()[-1].startswith("Slurm does not answer: slurm_load_jobs error")


def test_the_newest_live_job_counts(slurm: FakeSlurm, capsys: pytest.CaptureFixture[str]) -> None:
    records.add(RUN, "2314150_3", "submitted to mine")
    slurm.queue(
        (JOB, "FAILED", "0:10", "1:00:00", 0, "NonZeroExitCode"),
        ("2314150_3", "PENDING", "0:00", "1:00:00", 0, "Resources"),
    )
    assert row(capsys)["job"] == "2314150_3"


def test_no_runs_at_all(slurm: FakeSlurm, capsys: pytest.CaptureFixture[str]) -> None:
    (RUN / "jobs").unlink()
    RUN.rmdir()
    assert status.run(MINE) == 0
    assert "no runs in runs; `make submit`" in capsys.readouterr().out


def test_returns_that_are_not_finite_are_no_peak(
    slurm: FakeSlurm, capsys: pytest.CaptureFixture[str]
) -> None:
    progress(3.0, math.nan)
    assert "20/20000 nan 3.00" in row(capsys)["numbers"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0s"), (65, "1m 5s"), (3600, "1h"), (200_000, "2d 7h"), (math.nan, "-")]
)
def test_durations(seconds: float, text: str) -> None:
    assert status.duration(seconds) == text


def write_log(name: str, text: str, age: float = 0.0) -> Path:
    Path("logs").mkdir(exist_ok=True)
    path = Path("logs") / name
    path.write_text(text)
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def test_the_newest_log_of_an_experiment(slurm: FakeSlurm, capsys: pytest.CaptureFixture[str]) -> None:
    write_log("train_48M_mt_flow_v2_1.out", "old\n", age=100)
    write_log("train_48M_mt_flow_v2_2314143_3.out", "one\ntwo\nthree\n", age=50)
    write_log("train_48M_mt_flow_v2_2314143_4.out", "another seed\n", age=20)
    write_log("train_48M_mt_flow_v1_9.out", "another experiment\n")
    assert follow.run([*MINE, "mt_flow_v2"]) == 0
    assert "another seed" in capsys.readouterr().out
    follow.run([*MINE, "mt_flow_v2", "--seed=3", "-n", "2"])
    out = capsys.readouterr().out
    assert out == "==> logs/train_48M_mt_flow_v2_2314143_3.out <==\ntwo\nthree\n"


def test_a_log_of_a_sweep_belongs_to_the_experiment_that_its_job_trains(
    slurm: FakeSlurm, capsys: pytest.CaptureFixture[str]
) -> None:
    write_log("train_48M_mt_flow_v2_1.out", "before the sweep\n", age=100)
    write_log("sweep_multi_task_77_5.out", "the cell's\n", age=50)
    write_log("sweep_multi_task_77_6.out", "another cell's\n", age=20)
    records.add(Path("runs/mt_flow_v2-s5"), "77_5", "starts")
    for words in ([], ["--seed=5"]):
        assert follow.run([*MINE, "mt_flow_v2", *words]) == 0
        assert "\nthe cell's" in capsys.readouterr().out


def test_no_log_yet(slurm: FakeSlurm) -> None:
    with pytest.raises(UserError, match="no log of mt_flow_v2 in logs"):
        follow.run([*MINE, "mt_flow_v2"])


def test_following_shows_what_is_added_and_goes_on_to_a_newer_log(
    slurm: FakeSlurm, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = write_log("train_48M_mt_flow_v2_1.out", "first\n", age=100)
    steps = iter(
        [
            lambda: write_log(old.name, "first\nsecond\n", age=50),
            lambda: write_log("train_48M_mt_flow_v2_2.out", "newer\n", age=-5),
            lambda: None,
        ]
    )

    def sleep(_: float) -> None:
        step = next(steps, None)
        if step is None:
            raise KeyboardInterrupt
        step()

    monkeypatch.setattr(follow.time, "sleep", sleep)
    with pytest.raises(KeyboardInterrupt):
        follow.run([*MINE, "mt_flow_v2", "-f"])
    out = capsys.readouterr().out
    assert out.index("first") < out.index("second") < out.index("_2.out <==\nnewer")


def test_each_number_is_what_it_says_or_is_not_shown(
    slurm: FakeSlurm, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path("runs/st_flow_v1-s0")
    run.mkdir(parents=True)
    rows = [
        '{"epoch": 1, "max_epochs": "6", "R": true, "seconds": "9"}',
        '{"epoch": 2, "R": 2.5}',
        '{"epoch": true}',
    ]
    (run / "metrics.jsonl").write_text("\n".join(rows))
    in_2099 = 4_070_908_800
    os.utime(run / "metrics.jsonl", (in_2099, in_2099))
    Path("runs/st_flow_v1-s007").mkdir()
    status.run(["--cluster", "mine.yaml"])
    said = capsys.readouterr().out
    (line,) = [line.split() for line in said.splitlines() if line.startswith("st_flow_v1")]
    assert line[1:] == ["0", "-", "no", "job", "-", "2/?", "2.50", "2.50", "-", "-"]
