"""Copies a run's ``metrics.jsonl`` to Weights & Biases, in a process of its own.

``python -m pwm.run.wandb_copy <run folder> online|offline`` copies rows as they are written until its
standard input ends. The run folder is the source: what a lost process or a lost server did not take is copied
the next time, here or by ``pwm suite sync``. The key comes from the environment or netrc, the project from
``WANDB_PROJECT`` (default ``pwm``). In a cell of a W&B sweep, the run is the one that the sweep made for it.
"""

from __future__ import annotations

import json
import os
import secrets
import select
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pwm.config.types import TrainConfig
from pwm.files import replace_text
from pwm.run.folder import RunFolder
from pwm.run.metrics import parse_row

IN_A_CELL = ("WANDB_SWEEP_ID", "WANDB_RUN_ID", "WANDB_SWEEP_PARAM_PATH")
"""What `wandb agent` sets for every run that it starts."""
LEFTOVERS = (*IN_A_CELL, "WANDB_RESUME", "WANDB_DISABLED")
"""What would make a copy another run than its folder says."""
PROJECT = "pwm"
POLL = 1.0  # seconds
INIT_TIMEOUT = 60.0  # seconds
FINISH_TIMEOUT = 300.0  # seconds


class State:
    """What is known of a run folder's copy: the id, which it keeps over all its starts, and the last epoch
    that is known to have arrived (0: none)."""

    def __init__(self, folder: RunFolder) -> None:
        self._path = folder.wandb_json
        try:
            loaded = json.loads(self._path.read_text(encoding="utf-8"))
            self.id, self.copied, self.online = (
                str(loaded["id"]),
                int(loaded["copied"]),
                bool(loaded["online"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            self.id, self.copied, self.online = secrets.token_hex(4), 0, False

    @property
    def exists(self) -> bool:
        """Whether the run was ever tracked."""
        return self._path.exists()

    def adopt(self, name: str) -> None:
        """Keep ``name`` as the id from now on; nothing has arrived under another."""
        if name != self.id:
            self.id, self.copied, self.online = name, 0, False
        self.save()

    def save(self) -> None:
        """Keep it in the run folder."""
        content = {"id": self.id, "copied": self.copied, "online": self.online}
        replace_text(self._path, json.dumps(content))


def arguments(config: TrainConfig, folder: RunFolder) -> dict[str, Any]:
    """What :func:`wandb.init` is told of the run, apart from its id and the mode."""
    tags = [config.model_size, config.env.name]
    if config.flow_integrator:
        tags += [config.flow_integrator, f"substeps-{config.flow_substeps}"]
    return {
        "project": os.environ.get("WANDB_PROJECT", PROJECT),
        "name": f"{config.name}-s{config.seed}",
        "group": "multi-task" if config.multitask else "single-task",
        "job_type": config.name,
        "tags": tags,
        "config": asdict(config) | {"provenance": _provenance(folder)},
        "dir": str(folder.path),
    }


def sweep_run(folder: RunFolder) -> str | None:
    """The id that a sweep gave the run of this process; None outside sweeps. W&B takes no other there. What
    an earlier cell left in the shell is not this run's."""
    if any(name not in os.environ for name in IN_A_CELL):
        return None
    name = os.environ["WANDB_RUN_ID"]
    siblings = (RunFolder(path) for path in folder.path.resolve().parent.iterdir() if path.is_dir())
    others = [
        other for other in siblings if other.path.name != folder.path.name and other.wandb_json.is_file()
    ]
    return None if any(State(other).id == name for other in others) else name


def copy(folder: RunFolder, mode: str, more: Callable[[], bool] = lambda: False) -> int:
    """Copy the rows that are not there yet, and as long as ``more()`` (which may wait) those that come;
    returns the last epoch copied.

    Raises:
        wandb.Error: refused, or no answer.
        TimeoutError: the last rows do not arrive.
    """
    import wandb

    config, state = folder.config(), State(folder)
    # Before anything is sent: a server that answers too late may know the run by this id.
    cell = sweep_run(folder)
    for name in () if cell else LEFTOVERS:
        os.environ.pop(name, None)
    state.adopt(cell or state.id)
    settings = wandb.Settings(
        init_timeout=INIT_TIMEOUT,
        finish_timeout=FINISH_TIMEOUT,
        finish_timeout_raises=True,
        console="off",
        disable_git=True,
        save_code=False,
    )
    identity: dict[str, Any] = {"mode": mode, "id": state.id, "resume": "allow"}
    run = wandb.init(settings=settings, **identity, **arguments(config, folder))
    state.adopt(run.id)
    online = mode == "online"
    arrived = state.copied if state.online == online else 0
    copied = max(arrived, run.starting_step - 1)
    rows = Rows(folder.metrics)
    going = True
    while going:
        going = more()
        for row in rows.new():
            if row["epoch"] > copied:
                run.log({key: value for key, value in row.items() if value is not None}, step=row["epoch"])
                copied = row["epoch"]
    run.finish()
    state.copied, state.online = max(copied, 0), online
    state.save()
    return state.copied


class Rows:
    """The rows of a growing file of JSON lines, each once."""

    def __init__(self, path: Path) -> None:
        self._path, self._offset = path, 0

    def new(self) -> Iterator[dict[str, Any]]:
        """The whole lines written since the last call that are rows."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._offset += len(line)
                row = parse_row(line)
                if row is not None:
                    yield row


def _provenance(folder: RunFolder) -> dict[str, Any]:
    try:
        start = json.loads(folder.run_json.read_text(encoding="utf-8"))["starts"][-1]
        return {key: start.get(key) for key in ("git", "image", "slurm_job", "hardware")}
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError):
        return {}


def _until_closed() -> bool:
    """Wait a moment; False once whoever started this process is done or dead."""
    readable, _, _ = select.select([sys.stdin], [], [], POLL)
    return not readable or bool(os.read(sys.stdin.fileno(), 1))


def main(argv: list[str]) -> int:
    """Copy until standard input ends; what goes wrong is the last line printed."""
    path, mode = argv
    try:
        copy(RunFolder(path), mode, _until_closed)
    except Exception as error:  # whatever W&B raises, the trainer is told in one line
        print(f"{type(error).__name__}: {' '.join(str(error).split())}", flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
