"""``pwm suite draw`` and ``pwm suite cell``: what the batch script of a W&B sweep runs in the image.

A job asks ``wandb agent --count 1`` for a cell once, and notes it in a file: what to train, and the run that
W&B made for it. Then, and after every requeue, it trains that cell as any other job trains its run, without
the agent in between, which would neither hand on signals nor end as the trainer does.

The agent calls ``pwm train`` as the sweep says, and that call only writes down what it was called with
(:func:`pwm.commands.train.note`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from pwm.arguments import Parser
from pwm.commands.launch import launch
from pwm.commands.train import NOTE
from pwm.config.compose import compose
from pwm.errors import UserError
from pwm.interpreter import PYTHON

CELLS = "cells"
"""The folder of the cells' files, in that of the runs."""
DRAW_SECONDS = 600.0
"""How long a job waits for a cell before it gives up its place."""


def draw(argv: list[str]) -> int:
    """Print the run folder of this job's cell, drawn from the sweep unless it was before; nothing where the
    sweep has none left.

    Raises:
        UserError: W&B gives none, or what it gives is no run.
    """
    parser = Parser(prog="pwm suite draw", description="In a sweep's job: say which run is the job's.")
    parser.add_argument("sweep", help="entity/project/sweep")
    parser.add_argument("file", type=Path, help="where the cell is noted")
    parser.add_argument("runs", type=Path, help="the folder of the runs")
    args = parser.parse_args(argv)
    if args.file.exists() or _drawn(args.sweep, args.file):
        print(_run_folder(compose(_read(args.file)["arguments"]).run, args.runs))
    else:
        print(f"the sweep {args.sweep} has no cell left", file=sys.stderr)
    return 0


def run(argv: list[str]) -> int:
    """Do what the agent called ``pwm train`` for, in the environment that it gave; returns the exit code.

    Raises:
        UserError: the cell cannot be read, or what ``pwm train`` raises.
    """
    parser = Parser(prog="pwm suite cell", description="In a sweep's job: train the job's cell.")
    parser.add_argument("file", type=Path, help="where the cell is noted")
    parser.add_argument("run", help="its run folder")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    args = parser.parse_args(argv)
    cell = _read(args.file)
    os.environ.update(cell["environment"])
    overrides = [*args.overrides, *cell["arguments"], f"run={args.run}"]
    return launch(compose(overrides), overrides)


def _drawn(sweep: str, file: Path) -> bool:
    """Have the agent draw a cell, which is noted in ``file``; False if none is left."""
    file.parent.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {NOTE: str(file), "WANDB_DIR": str(file.parent)}
    command = [*PYTHON, "-m", "wandb", "agent", "--count", "1", sweep]
    try:
        code = subprocess.run(command, env=environment, stdout=sys.stderr, timeout=DRAW_SECONDS).returncode
        reason = f"`wandb agent` ended with exit code {code}"
    except subprocess.TimeoutExpired:
        code, reason = 1, f"none within {DRAW_SECONDS:.0f} s"
    if code and not file.exists():
        raise UserError(f"no cell from {sweep}: {reason}; can this machine reach W&B? Then submit it again")
    return file.exists()


def _read(file: Path) -> dict[str, Any]:
    try:
        cell: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the cell {file}: {error}; submit the sweep again") from error
    return cell


def _run_folder(run: str, runs: Path) -> Path:
    """Where the folder ``run`` is on this cluster, which keeps ``runs/`` in ``runs``."""
    path = Path(run)
    return runs / path.relative_to("runs") if path.parts[0] == "runs" else path
