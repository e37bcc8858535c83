"""A run is a folder. This is the one place that knows what lies in it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from pwm.config.compose import from_yaml, to_yaml
from pwm.config.types import TrainConfig
from pwm.errors import UserError
from pwm.run.provenance import describe

MAY_CHANGE = (
    *("run", "device", "threads", "log_every", "eval_every", "checkpoint_every", "num_processes"),
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

    def open(self, config: TrainConfig) -> None:
        """Create the folder for ``config``, or check that it is the same experiment's and may be
        resumed; record this start; lock it until :meth:`close` or the end of the process.

        Raises:
            UserError: another experiment's folder, one in use, not a run folder, or not writable.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._acquire()
            if not self.config_yaml.exists():
                self._check_unused()
            else:
                self._check_same(config)
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
            raise UserError(f"{self.config_yaml} is damaged: {error}") from error

    def _acquire(self) -> None:
        """The lock belongs to the open file, so it ends with the process however that ends."""
        self._lock = open(self.lock, "a+", encoding="utf-8")  # noqa: SIM115 (held until close)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.seek(0)
            owner = self._lock.read().strip() or "another process"
            raise UserError(
                f"{owner} is training in {self.path}; wait for it, or choose another run=<folder>"
            ) from None
        self._lock.truncate(0)
        self._lock.write(f"process {os.getpid()} on {os.uname().nodename}")
        self._lock.flush()

    def _check_unused(self) -> None:
        found = [path.name for path in (self.run_json, self.metrics, self.checkpoints) if path.exists()]
        if found:
            raise UserError(
                f"{self.path} holds {', '.join(found)} but no config.yaml; choose another run=<folder>"
            )

    def _check_same(self, config: TrainConfig) -> None:
        before, now = _experiment(self.config()), _experiment(config)
        different = [f"{key} {before[key]} -> {now[key]}" for key in now if before[key] != now[key]]
        if different:
            raise UserError(
                f"{self.path} holds another experiment ({'; '.join(different)}); choose another run=<folder>"
            )

    def _record_start(self, config: TrainConfig) -> None:
        try:
            starts = json.loads(self.run_json.read_text(encoding="utf-8"))["starts"]
        except (OSError, ValueError, KeyError, TypeError):
            starts = []
        content = {"config_hash": config_hash(config), "starts": [*starts, describe()]}
        replace_text(self.run_json, json.dumps(content, indent=1) + "\n")


def replace_text(path: Path, text: str) -> None:
    """Make ``text`` the content of ``path``, whole or not at all."""
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def config_hash(config: TrainConfig) -> str:
    """Identifies the experiment: equal for configurations that differ only in :data:`MAY_CHANGE`."""
    text = json.dumps(_experiment(config), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _experiment(config: TrainConfig) -> dict[str, Any]:
    return {key: value for key, value in asdict(config).items() if key not in MAY_CHANGE}
