"""``pwm train``: the run around the epochs: folder, checkpoints, metrics, signals."""

from __future__ import annotations

import time
from typing import Any

import torch

from pwm.config.types import TrainConfig
from pwm.errors import UserError
from pwm.evaluation.closed_loop import EVALUATION_SEED, Evaluator, summarize
from pwm.learning.build import build_env
from pwm.learning.meters import NotFinite
from pwm.learning.timing import Clock
from pwm.learning.trainer import Trainer, make_accelerator
from pwm.run import tracking
from pwm.run.checkpoint import Checkpoints
from pwm.run.folder import RunFolder
from pwm.run.metrics import MetricsWriter
from pwm.run.signals import STOPPED, Dropped, StopRequest

LONG_EPOCH = 10.0
"""Seconds: an epoch that takes longer may be dropped when a stop is asked for."""


class TrainingRun:
    """One training run in its folder. Every process has one; only the main one writes."""

    def __init__(self, config: TrainConfig) -> None:
        if config.threads:
            torch.set_num_threads(config.threads)
        self.config = config
        self.accelerator = make_accelerator(config)
        self.main = self.accelerator.is_main_process
        self.folder = RunFolder(config.run)
        if self.main:
            self.folder.open(config)
        self.accelerator.wait_for_everyone()
        self.checkpoints = Checkpoints(self.folder.checkpoints)
        self.trainer = Trainer(config, self.accelerator)
        self._stop, self._clock = StopRequest(), Clock()
        self._tracker: tracking.Tracker = tracking.NoTracker()
        self._evaluator: Evaluator | None = None
        self._reported = self._saved = 0
        self._epoch_seconds = 0.0

    def to_the_end(self) -> int:
        """Train to the last epoch, or until asked to stop; returns the exit code."""
        resumed = self.checkpoints.load_latest()
        if resumed is not None:
            self._load(resumed[0])
        writer = MetricsWriter(self.folder, self._reported) if self.main else None
        try:
            for warning in self.checkpoints.warnings:
                self._say(writer, f"warning: {warning}")
            if self.trainer.done and self._reported == self.trainer.epoch:
                self._say(writer, f"{self.config.name} is finished: {self.config.max_epochs} epochs")
                return 0
            if resumed is not None:
                self._say(writer, f"resuming {self.folder.path} after epoch {self.trainer.epoch}")
            if writer is not None:
                self._tracker = tracking.start(self.config.tracking, self.folder, writer.message)
            return self._loop(writer)
        except NotFinite as error:
            self._say(writer, str(error))
            raise UserError(
                f"{error}; {self.checkpoints.kept()} in {self.folder.checkpoints}; {error.advice}"
            ) from None
        finally:
            self._tracker.close()
            if writer is not None:
                writer.close()
            self.folder.close()

    def _loop(self, writer: MetricsWriter | None) -> int:
        """Epochs, each followed by its report, so that a run stopped before the report makes it first
        when it resumes."""
        config, trainer = self.config, self.trainer
        while True:
            if self._reported < trainer.epoch:
                if not self._report(writer):
                    return self._stopped(writer, save=True)
                if trainer.done or trainer.epoch % config.checkpoint_every == 0:
                    self._save()
            if trainer.done:
                self._say(writer, f"finished {config.name}: {trainer.epoch} epochs in {self.folder.path}")
                return 0
            long = self._epoch_seconds > LONG_EPOCH or (trainer.trained_epochs == 0 and trainer.can_learn())
            if long and self._saved != trainer.epoch:
                self._save()  # so that the epoch may be dropped when a stop is asked for
            started = time.monotonic()
            try:
                trainer.run_epoch(self._any_stop if long else lambda: False)
            except Dropped:
                return self._stopped(writer, save=False)
            self._epoch_seconds = time.monotonic() - started
            if self._any_stop():
                return self._stopped(writer, save=True)

    def _report(self, writer: MetricsWriter | None) -> bool:
        """Evaluate and log the epoch just done, where they are due; False if asked to stop meanwhile."""
        config, trainer = self.config, self.trainer
        evaluate = trainer.done or (config.eval_every > 0 and trainer.epoch % config.eval_every == 0)
        evaluation = self._evaluate() if evaluate else {}
        if self._any(evaluation is None):
            return False
        if evaluate or trainer.epoch % config.log_every == 0:
            row = trainer.read_metrics() | (evaluation or {}) | self._clock.read(trainer.env_steps)
            if writer is not None:
                writer.write(row)
                self._tracker.check()
        self._reported = trainer.epoch
        return True

    def _any(self, mine: bool) -> bool:
        """Whether it is so on any process: they all stop at the same place."""
        if self.accelerator.num_processes == 1:
            return mine
        flag = torch.tensor(int(mine), device=self.accelerator.device)
        return bool(self.accelerator.reduce(flag, "sum") > 0)

    def _any_stop(self) -> bool:
        return self._any(bool(self._stop))

    def _stopped(self, writer: MetricsWriter | None, save: bool) -> int:
        if save:
            self._save()
        self._say(
            writer, f"stopped by {self._stop.signal}; {self.checkpoints.kept()}; the same command resumes"
        )
        return STOPPED

    def _save(self) -> None:
        state: dict[str, Any] = self.trainer.state_dict()
        state |= {"reported": self._reported, "clock": self._clock.state_dict()}
        score = self.trainer.returns()["R"]
        if self.main:
            self.checkpoints.save(state, self.trainer.epoch, score)
        self._saved = self.trainer.epoch

    def _load(self, state: dict[str, Any]) -> None:
        self.trainer.load_state_dict(state)
        self._saved, self._reported = self.trainer.epoch, int(state["reported"])
        self._clock.load_state_dict(state["clock"])

    def _evaluate(self) -> dict[str, float] | None:
        """Closed-loop, deterministic, on the main process only; None if it was asked to stop."""
        if not self.main:
            return {}
        if self._evaluator is None:
            config = self.config
            env = build_env(config, config.eval_episodes, self.trainer.device, config.seed + EVALUATION_SEED)
            self._evaluator = Evaluator(env)
        with self.trainer.timer.phase("evaluate"):
            try:
                evaluation = self._evaluator(self.trainer.agent, lambda: bool(self._stop))
            except Dropped:
                return None
        return summarize(evaluation, self._evaluator.env.tasks)

    @staticmethod
    def _say(writer: MetricsWriter | None, text: str) -> None:
        if writer is not None:
            writer.message(text)


def train(config: TrainConfig) -> int:
    """Train the experiment ``config`` in its run folder, resuming what is there; returns the exit code
    (0 finished, :data:`pwm.run.signals.STOPPED` when asked to stop).

    Raises:
        UserError: whatever the user can mend, in one line.
    """
    return TrainingRun(config).to_the_end()
