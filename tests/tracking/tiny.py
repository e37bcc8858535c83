"""The smallest run that trains."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TINY = (
    *("alg=mt_flow_v1", "size=tiny", "num_envs=8", "wm_batch_size=16", "wm_updates=1", "wm_first_updates=1"),
    *("critic_passes=1", "horizon=4", "replay_capacity=4000", "env.options.episode_length=6"),
    *("eval_episodes=2", "eval_every=0", "log_every=1", "checkpoint_every=2", "max_epochs=4"),
)


def train(folder: Path, *overrides: str, close: float = 15.0) -> subprocess.CompletedProcess[str]:
    patient = "import sys; from pwm import cli; from pwm.run import tracking; tracking.CLOSE_SECONDS = {}"
    command = [sys.executable, "-u", "-c", f"{patient.format(close)}; sys.exit(cli.main(sys.argv[1:]))"]
    command += ["train", *TINY, f"run={folder}", *overrides]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=env)


def cut(folder: Path, last: int) -> list[str]:
    """Shorten the metrics to ``last`` rows; returns what they were."""
    lines = (folder / "metrics.jsonl").read_text().splitlines(keepends=True)
    (folder / "metrics.jsonl").write_text("".join(lines[:last]))
    return lines
