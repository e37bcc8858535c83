"""A run is a folder. This is the one place that knows what lies in it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from pwm.config.compose import from_yaml, to_yaml
from pwm.config.types import TrainConfig
from pwm.errors import UserError
from pwm.files import replace_text, set_aside
from pwm.run.provenance import describe

PATIENCE_S = 1.0
"""How long a process that starts tries to have the folder for itself."""
MAY_CHANGE = (
    *("run", "device", "threads", "log_every", "eval_every", "checkpoint_every", "num_processes"),
    *("tf32", "cuda_graphs", "compile"),
    "tracking",
)
"""Keys that do not define the experiment, so that a run may resume with other values of them."""


class RunFolder:
    """The folder of one run::

    config.yaml      the resolved configuration
    run.json         its hash, and for every start the code, packages, hardware and image
    metrics.jsonl    one JSON object per logging interval; the source of truth
    train.log        what training printed
    checkpoints/     see pwm.run.checkpoint
    videos/          what pwm eval --video drew
    world_model.json what pwm eval --world-model measured
    lock             held by the process that trains
    jobs             the Slurm jobs of the run, one line for each submission and start
    stop             its appearance asks the trainers of a job on several nodes to stop
    wandb.json       which run at W&B is its copy, and how far that is; absent unless it is tracked
    wandb.log        what the copying printed
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config_yaml = self.path / "config.yaml"
        self.run_json = self.path / "run.json"
        self.metrics = self.path / "metrics.jsonl"
        self.log = self.path / "train.log"
        self.checkpoints = self.path / "checkpoints"
        self.videos = self.path / "videos"
        self.world_model = self.path / "world_model.json"
        self.lock = self.path / "lock"
        self.jobs = self.path / "jobs"
        self.stop = self.path / "stop"
        self.wandb_json = self.path / "wandb.json"
        self.wandb_log = self.path / "wandb.log"
        self._lock: IO[str] | None = None
        self.before: TrainConfig | None = None
        """The configuration that the run had before :meth:`open`; None at its first start."""
        self.warnings: list[str] = []
        """A line for each thing that :meth:`open` found damaged."""

    def open(self, config: TrainConfig) -> None:
        """Create the folder for ``config``, or check that it is the same experiment's and may be
        resumed; record this start; lock it until :meth:`close` or the end of the process. A folder in which
        nothing has been trained yet is free for any experiment.

        Raises:
            UserError: another experiment's folder, one in use, not a run folder, or not writable.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._acquire()
            self._check_alone()
            if self.config_yaml.exists():
                before = self.config()
                self.before = before if self.begun else None
            elif self.begun:
                raise UserError(f"{self.path} holds a run but no config.yaml; choose another run=<folder>")
            obstacle = self.obstacle(config)
            if obstacle:
                raise UserError(f"{self.path} {obstacle}; choose another run=<folder>")
            replace_text(self.config_yaml, to_yaml(config))
            self._record_start(config)
        except OSError as error:
            self.close()
            raise UserError(
                f"cannot use run folder {self.path}: {error.strerror or error}; choose another run=<folder>"
            ) from error
        except UserError:
            self.close()
            raise

    def close(self) -> None:
        """Let another process train here."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def config(self) -> TrainConfig:
        """The configuration of the run in this folder.

        Raises:
            UserError: there is none, or it cannot be read.
        """
        try:
            return from_yaml(self.config_yaml.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(f"{self.path} is not a run folder: config.yaml: {reason}") from error
        except UserError as error:
            raise UserError(
                f"{self.config_yaml} is damaged: {error}; mend it, or choose another run=<folder>"
            ) from error

    def _acquire(self) -> None:
        """The lock belongs to the open file, so it ends with the process however that ends. Who only looks
        whether it is taken (:attr:`in_use`) has it for a moment, so it is tried for longer than that."""
        self._lock = open(self.lock, "a+", encoding="utf-8")  # noqa: SIM115 (held until close)
        deadline = time.monotonic() + PATIENCE_S
        while not self._locked():
            if time.monotonic() > deadline:
                self._lock.seek(0)
                owner = self._lock.read().strip() or "another process"
                raise UserError(
                    f"{owner} is training in {self.path}; wait for it, or choose another run=<folder>"
                )
            time.sleep(PATIENCE_S / 20)
        self._lock.truncate(0)
        self._lock.write(f"process {os.getpid()} on {os.uname().nodename}")
        self._lock.flush()

    def _locked(self) -> bool:
        assert self._lock is not None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    @property
    def begun(self) -> bool:
        """Whether anything has been trained here: there are rows or checkpoints."""
        if self.metrics.is_file():
            return self.metrics.stat().st_size > 0 or self._has_checkpoints
        if self.metrics.exists():
            raise UserError(f"{self.metrics} is no file; move it away, or choose another run=<folder>")
        return self._has_checkpoints

    @property
    def _has_checkpoints(self) -> bool:
        return self.checkpoints.is_dir() and any(self.checkpoints.iterdir())

    def children(self) -> list[Path]:
        """The run folders directly in this one."""
        inner = (path for path in self.path.iterdir() if path.is_dir())
        return sorted(path for path in inner if RunFolder(path).config_yaml.is_file())

    def _check_alone(self) -> None:
        """One run folder in another would be read as one of the two."""
        children = [path.name for path in self.children()]
        if children:
            more = f" and {len(children) - 3} more" if len(children) > 3 else ""
            raise UserError(
                f"{self.path} holds the runs {', '.join(children[:3])}{more}: name a folder in it, like "
                f"run={self.path}/<name>"
            )
        if self.begun:
            return
        parent = RunFolder(self.path.resolve().parent)
        if parent.config_yaml.is_file() and parent.run_json.is_file():
            raise UserError(f"{self.path} lies in the run folder {parent.path}; choose another run=<folder>")

    def obstacle(self, now: TrainConfig) -> str | None:
        """Why the run in this folder cannot go on with ``now``, in words: it is of another experiment, or had
        more epochs; None where it can, or where there is none.

        Raises:
            UserError: its configuration cannot be read.
        """
        if not self.config_yaml.exists():
            return None
        before = self.config()
        if not self.begun:
            return None
        old, new = _experiment(before), _experiment(now)
        different = {key for key in new if old[key] != new[key]}
        if now.max_epochs > before.max_epochs:
            different -= {"max_epochs"}
        if different == {"max_epochs"}:
            return (
                f"has max_epochs={before.max_epochs}, which may be raised but not lowered to {now.max_epochs}"
            )
        if different:
            listed = "; ".join(f"{key} {old[key]} -> {new[key]}" for key in new if key in different)
            return f"holds another experiment ({listed})"
        return None

    @property
    def in_use(self) -> bool:
        """Whether a process trains here. A look locks nobody out: see :meth:`_acquire`."""
        if not self.lock.exists():
            return False
        with self.lock.open("r", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def _record_start(self, config: TrainConfig) -> None:
        starts: Any = []
        if self.run_json.exists():
            try:
                starts = json.loads(self.run_json.read_text(encoding="utf-8"))["starts"]
                if not isinstance(starts, list):
                    raise TypeError(f"starts is a {type(starts).__name__}")
            except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
                starts = []
                kept = set_aside(self.run_json, "damaged")
                self.warnings.append(
                    f"{self.run_json.name} is damaged ({' '.join(str(error).split())}): kept as {kept.name}, "
                    "its record of earlier starts begins anew"
                )
        content = {"config_hash": config_hash(config), "starts": [*starts, describe()]}
        replace_text(self.run_json, json.dumps(content, indent=1) + "\n")


def config_hash(config: TrainConfig) -> str:
    """Identifies the experiment: equal for configurations that differ only in :data:`MAY_CHANGE`."""
    text = json.dumps(_experiment(config), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _experiment(config: TrainConfig) -> dict[str, Any]:
    return {key: value for key, value in asdict(config).items() if key not in MAY_CHANGE}
