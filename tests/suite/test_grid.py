"""Several runs at a time on one machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pwm.suite import grid
from pwm.suite.grid import Cell

TINY = (
    *(
        "train",
        "alg=st_baseline",
        "env=cartpole",
        "scale=demo",
        "num_envs=8",
        "horizon=4",
        "wm_batch_size=16",
    ),
    *("env.options.episode_length=6", "wm_first_updates=1", "replay_capacity=2000", "eval_episodes=1"),
)


def cell(root: Path, label: str, *words: str, epochs: int = 3) -> Cell:
    run = root / label
    return Cell(label, [*TINY, f"run={run}", f"max_epochs={epochs}", *words], run, epochs)


def test_one_that_fails_stops_no_other_and_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = [cell(tmp_path, "bad", "units=[]"), cell(tmp_path, "good"), cell(tmp_path, "other", "seed=1")]
    failed = grid.run(cells, jobs=2)
    assert list(failed) == ["bad"] and "a list of layer widths, each at least 1" in failed["bad"]
    assert [one.fraction for one in cells] == [0.0, 1.0, 1.0]
    shown = capsys.readouterr().out
    assert "good: done in" in shown and "bad: failed after" in shown
    assert grid.run(cells[1:], jobs=2) == {}
    assert "2 of 2 runs are finished already" in capsys.readouterr().out


def test_how_far_a_run_is(tmp_path: Path) -> None:
    run = tmp_path / "r"
    run.mkdir()
    one = Cell("r", [], run, 20)
    assert one.fraction == 0.0
    (run / "metrics.jsonl").write_text(json.dumps({"epoch": 5, "max_epochs": 20}) + "\n{broken")
    assert one.fraction == 0.25


def test_an_interrupt_lets_all_save_and_the_same_call_goes_on(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from pwm.suite import grid; from tests.suite.test_grid import cell;"
        f"root = Path({str(tmp_path)!r});"
        "grid.run([cell(root, name, epochs=100_000) for name in 'ab'], jobs=2)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not all((tmp_path / name / "metrics.jsonl").exists() for name in "ab"):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.2)
    time.sleep(1.0)

    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    for name in "ab":
        kept = sorted((tmp_path / name / "checkpoints").glob("epoch-*.pt"))
        last = json.loads((tmp_path / name / "metrics.jsonl").read_text().splitlines()[-1])
        assert int(kept[-1].stem.removeprefix("epoch-")) >= last["epoch"] > 0
