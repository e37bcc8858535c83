"""``pwm train``: the run around the epochs: folder, checkpoints, metrics, signals."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeVar

import torch
from accelerate import Accelerator

from pwm.config.types import TrainConfig
from pwm.errors import UserError
from pwm.evaluation.closed_loop import EVALUATION_SEED, Evaluator, summarize
from pwm.evaluation.held_out import HeldOut
from pwm.files import set_aside
from pwm.learning.build import build_env
from pwm.learning.epochs import Epochs, make_accelerator
from pwm.learning.extractor import Extractor
from pwm.learning.finetuner import Finetuner
from pwm.learning.learner import learning_rate
from pwm.learning.meters import NotFinite
from pwm.learning.pretrainer import Pretrainer
from pwm.learning.processes import Processes, on_cpu
from pwm.learning.timing import Clock
from pwm.learning.trainer import Trainer
from pwm.memory import bound_memory, shortage
from pwm.run import tracking
from pwm.run.background import Background
from pwm.run.checkpoint import MISFITS, REPLAY, Checkpoints, misfit
from pwm.run.folder import RunFolder
from pwm.run.metrics import MetricsWriter
from pwm.run.signals import STOPPED, Dropped, StopRequest

T = TypeVar("T")

LONG_EPOCH = 10.0
"""Seconds: an epoch that takes longer may be dropped when a stop is asked for."""


Evaluation = Callable[[Callable[[], bool]], dict[str, float]]
"""What an evaluation found; asked to stop (the argument says so), it raises :class:`Dropped`."""


class Kind(NamedTuple):
    """One of the uses of learning."""

    learning: Callable[[TrainConfig, Accelerator], Epochs]
    evaluation: Callable[[Any], Evaluation]
    """Made when first needed."""
    together: bool
    """Whether all processes evaluate, and not the main one alone."""


def closed_loop(trainer: Trainer | Extractor) -> Evaluation:
    """Deterministic episodes of the real environments."""
    config = trainer.config
    spaces = trainer.spaces if isinstance(trainer, (Extractor, Finetuner)) else None
    seed = config.seed + EVALUATION_SEED
    evaluator = Evaluator(build_env(config, config.eval_episodes, trainer.device, seed, spaces=spaces))

    def evaluate(stop: Callable[[], bool]) -> dict[str, float]:
        return summarize(evaluator(trainer.agent, stop), evaluator.env.tasks)

    return evaluate


def held_out(trainer: Pretrainer) -> Evaluation:
    """Episodes that are not learned from."""
    measure = HeldOut(trainer)
    return lambda stop: measure()


KINDS = {
    "train": Kind(Trainer, closed_loop, together=False),
    "pretrain": Kind(Pretrainer, held_out, together=True),
    "extract": Kind(Extractor, closed_loop, together=False),
    "finetune": Kind(Finetuner, closed_loop, together=False),
}
"""By stage; an extraction may finetune."""


class TrainingRun:
    """One run in its folder. Every process has one; only the main one writes, but for its replay."""

    def __init__(self, config: TrainConfig) -> None:
        if config.threads:
            torch.set_num_threads(config.threads)
        self.config = config
        accelerator = make_accelerator(config)
        self.processes = Processes(accelerator)
        self.folder = RunFolder(config.run)
        self._on_main(lambda: self.folder.open(config))
        self.checkpoints = Checkpoints(self.folder.checkpoints, self.processes.rank)
        self._kind = KINDS["finetune" if config.finetune_world_model else config.stage]
        self.trainer = self._kind.learning(config, accelerator)
        self._stop, self._clock, self._saving = StopRequest(), Clock(), Background()
        self._writer: MetricsWriter | None = None
        self._tracker: tracking.Tracker = tracking.NoTracker()
        self._evaluation: Evaluation | None = None
        self._reported = self._saved = 0
        self._epoch_seconds = 0.0
        # A CPU would only do one instead of the other, with another copy of everything in memory.
        self._beside = self.trainer.device.type == "cuda"

    def to_the_end(self) -> int:
        """Train to the last epoch, or until asked to stop; returns the exit code."""
        try:
            remarks = self._resume()
            self._on_main(self._open)
            for remark in [f"warning: {warning}" for warning in self.folder.warnings] + remarks:
                self._say(remark)
            if self._finished:
                self._say(f"{self.config.name} is finished: {self.config.max_epochs} epochs")
                return 0
            if self._writer is not None:
                self._tracker = tracking.start(self.config.tracking, self.folder, self._writer.message)
            return self._loop()
        except NotFinite as error:
            self._say(str(error))
            self._saving.join()
            raise UserError(
                f"{error}; {self.checkpoints.kept()} in {self.folder.checkpoints}; {error.advice}"
            ) from None
        finally:
            self._close()

    def _close(self) -> None:
        try:
            self._saving.join()
        finally:
            self._tracker.close()
            if self._writer is not None:
                self._writer.close()
            self.folder.close()
            self.processes.settle()

    @property
    def _finished(self) -> bool:
        return self.trainer.done and self._reported == self.trainer.epoch

    def _resume(self) -> list[str]:
        """Load the newest checkpoint that every process can read; returns what is to be said of it."""
        newest: int | None = None
        while True:
            loaded = self.processes.agree(partial(self.checkpoints.load_latest, until=newest))
            epochs = self.processes.gather(0 if loaded is None else loaded[1])
            if len(set(epochs)) == 1:
                break
            newest = min(epochs)  # the others could not read the newer one
        remarks = [f"warning: {warning}" for warning in self.checkpoints.warnings]
        if loaded is None:
            return remarks
        state, _ = loaded
        moved = self.processes.agree(lambda: self._restore(state))
        self._saved, self._reported = self.trainer.epoch, int(state["reported"])
        self._clock.load_state_dict(state["clock"])
        if not self._finished:
            remarks.append(f"resuming {self.folder.path} after epoch {self.trainer.epoch}")
            remarks += filter(None, [self._schedule(), moved])
        return remarks

    def _restore(self, state: dict[str, Any]) -> str | None:
        try:
            return self.trainer.load_state_dict(state)
        except MISFITS as error:
            raise UserError(
                f"the newest checkpoint in {self.folder.checkpoints} is of another run: {misfit(error)}; "
                "move it away, or choose another run=<folder>"
            ) from error

    def _schedule(self) -> str | None:
        """What becomes of the learning rates of a run that was given more epochs than it had."""
        before, now, epoch = self.folder.before, self.config, self.trainer.epoch
        if before is None or before.max_epochs >= now.max_epochs:
            return None
        raised = f"max_epochs raised from {before.max_epochs} to {now.max_epochs}"
        if now.lr_schedule == "constant":
            return f"{raised}: the learning rates stay as they are"
        rates = ", ".join(
            f"{key} {learning_rate(before, getattr(now, key), epoch):.3g} -> "
            f"{learning_rate(now, getattr(now, key), epoch):.3g}"
            for key in ("wm_lr", "actor_lr", "critic_lr")
        )
        return f"{raised}: the learning rates now fall to {now.final_lr:g} until there ({rates})"

    def _open(self) -> None:
        rows = self.folder.metrics
        if self._saved == 0 and rows.is_file() and rows.stat().st_size:
            kept = set_aside(rows, "before")
            self.folder.warnings.append(
                f"{self.folder.path} has rows but no checkpoint: they are kept as {kept.name}, and training "
                "starts over"
            )
        self._writer = MetricsWriter(self.folder, self._reported)

    def _loop(self) -> int:
        """Epochs, each saved where that is due and then reported, so that nothing in the report can lose it;
        a run that resumes before a report makes it first."""
        trainer = self.trainer
        while True:
            self._saving.check()
            if self._reported < trainer.epoch:
                if self._is_due(self.config.checkpoint_every) and self._saved != trainer.epoch:
                    self._save()
                if not self._report():
                    return self._stopped(save=True)
            if trainer.done:
                self._save()  # as reported, so that it is known to be finished
                self._saving.join()
                self._say(f"finished {self.config.name}: {trainer.epoch} epochs in {self.folder.path}")
                return 0
            long = self._is_long()
            if long and self._saved != trainer.epoch:
                self._save()  # so that the epoch may be dropped when a stop is asked for
            started = time.monotonic()
            try:
                trainer.run_epoch(self._any_stop if long else lambda: False)
            except Dropped:
                return self._stopped(save=False)
            self._epoch_seconds = time.monotonic() - started
            if self._any_stop():
                return self._stopped(save=True)

    def _is_due(self, every: int) -> bool:
        """Whether what is done every so many epochs (0: never), and at the end, is due after this one."""
        return self.trainer.done or (every > 0 and self.trainer.epoch % every == 0)

    def _is_long(self) -> bool:
        """Whether the next epoch is expected to take long, on any process: their clocks differ."""
        slow = self.processes.any(self._epoch_seconds > LONG_EPOCH)
        first = self.trainer.trained_epochs == 0 and self.trainer.can_learn()
        return slow or first

    def _report(self) -> bool:
        """Evaluate and log the epoch just done, where they are due; False if asked to stop meanwhile."""
        evaluate = self._is_due(self.config.eval_every)
        evaluation: dict[str, float] | None = {}
        if evaluate:
            evaluation = self._evaluate() if self._kind.together else self._on_main(self._evaluate)
        if self.processes.any(self.processes.main and evaluation is None):
            return False
        if evaluate or self._is_due(self.config.log_every):
            clock = self._clock.read(self.trainer.env_steps)
            row = self.trainer.read_metrics() | (evaluation or {}) | clock
            self._on_main(lambda: self._write(row))
        self._reported = self.trainer.epoch
        return True

    def _write(self, row: dict[str, Any]) -> None:
        assert self._writer is not None
        self._writer.write(row)
        self._tracker.check()

    def _on_main(self, work: Callable[[], T]) -> T | None:
        """What ``work()`` returns on the main process, None on the others; its error is that of all."""
        return self.processes.agree(lambda: work() if self.processes.main else None)

    def _any_stop(self) -> bool:
        return self.processes.any(bool(self._stop))

    def _stopped(self, save: bool) -> int:
        if save:
            self._save()
        self._saving.join()
        self._say(f"stopped by {self._stop.signal}; {self.checkpoints.kept()}; the same command resumes")
        return STOPPED

    def _save(self) -> None:
        """A checkpoint: of a single process with a GPU written while that goes on, of several whole once the
        main process has written its part."""
        self._saving.join()  # before another state is held
        epoch = self.trainer.epoch
        state: dict[str, Any] = self.trainer.state_dict()
        state |= {"reported": self._reported, "clock": self._clock.state_dict()}
        score, number = self.trainer.score(), self.processes.number
        self._saved = epoch
        if number == 1 and self._beside:
            held = on_cpu(state, copy=True)
            self._saving.start(lambda: self.checkpoints.save(held, epoch, score))
            return
        try:
            apart = number if REPLAY in state else 1  # files that the replays are in
            if apart > 1:
                self.processes.agree(lambda: self.checkpoints.save_replay(state.pop(REPLAY), epoch))
            self._on_main(lambda: self.checkpoints.save(state, epoch, score, apart))
        except UserError:
            self.checkpoints.discard(epoch)
            raise

    def _evaluate(self) -> dict[str, float] | None:
        """None if it was asked to stop."""
        if self._evaluation is None:
            self._evaluation = self._kind.evaluation(self.trainer)
        with self.trainer.timer.phase("evaluate"):
            try:
                return self._evaluation(lambda: bool(self._stop))
            except Dropped:
                return None

    def _say(self, text: str) -> None:
        if self._writer is not None:
            self._writer.message(text)


def train(config: TrainConfig) -> int:
    """Train the experiment ``config`` in its run folder, resuming what is there; returns the exit code
    (0 finished, :data:`pwm.run.signals.STOPPED` when asked to stop).

    Raises:
        UserError: whatever the user can mend, in one line.
    """
    if config.device == "cpu" or not torch.cuda.is_available():
        bound_memory()
    try:
        return TrainingRun(config).to_the_end()
    except (MemoryError, RuntimeError) as error:
        short = shortage(error)
        if short is None:
            raise
        raise UserError(
            f"not enough memory: {short}; lower replay_capacity, num_envs, wm_batch_size or size"
        ) from error
