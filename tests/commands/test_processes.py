"""Several processes decide together what leads to a collective."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pwm.run.checkpoint import Checkpoints

SCRIPT = Path(__file__).with_name("clocks.py")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--num_machines=1", "--mixed_precision=no"]
    launch += ["--num_processes=2", "--dynamo_backend=no", "--main_process_port=0", "--multi_gpu"]
    launch += ["--num_cpu_threads_per_process=1", str(SCRIPT), *arguments]
    return subprocess.run(launch, capture_output=True, text=True, timeout=180, check=False)


@pytest.mark.parametrize("slow", ["0", "1"])
def test_processes_whose_clocks_disagree_on_what_is_long_finish_together(tmp_path: Path, slow: str) -> None:
    folder = tmp_path / "run"
    done = run(str(folder), slow, "slow")
    assert done.returncode == 0, done.stderr[-3000:]
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == list(range(1, 7))
    names = {path.name for path in (folder / "checkpoints").iterdir()}
    assert {"epoch-6.pt", "replay-6.pt", "replay-6-1.pt"} <= names
    for rank in (0, 1):
        loaded = Checkpoints(folder / "checkpoints", rank).load_latest()
        assert loaded is not None and len(loaded[0]["replay"]) == 1 and len(loaded[0]["process"]) == 2


@pytest.mark.parametrize("broken", ["0", "1"])
def test_what_is_not_finite_on_one_process_ends_all_at_once(tmp_path: Path, broken: str) -> None:
    done = run(str(tmp_path / "run"), broken, "broken")
    assert done.returncode == 0, done.stderr[-3000:]
    said = [line for line in done.stdout.splitlines() if line.startswith("rank ")]
    assert len(said) == 2
    assert all("not finite in epoch 4: wm_loss" in line and "wm_lr" in line for line in said)
