"""``pwm train``: the run around the epochs: folder, checkpoints, metrics, signals."""

from __future__ import annotations

import time
from typing import Any

import torch

from pwm.training.build import build_env
from pwm.training.checkpoint import Checkpoints
from pwm.training.config import TrainConfig
from pwm.training.evaluation import EVALUATION_SEED, Evaluator, summarize
from pwm.training.metrics import MetricsWriter
from pwm.training.progress import NotFinite
from pwm.training.run_folder import RunFolder
from pwm.training.signals import STOPPED, StopRequest
from pwm.training.trainer import Trainer, make_accelerator


class Run:
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
        self._evaluator: Evaluator | None = None
        self._seconds = 0.0

    def train(self) -> int:
        """Train to the last epoch, or until asked to stop; returns the exit code."""
        stop = StopRequest()
        resumed = self.checkpoints.load_latest()
        if resumed is not None:
            self.trainer.load_state_dict(resumed[0])
            self._seconds = float(resumed[0]["seconds"])
        writer = MetricsWriter(self.folder, self.trainer.epoch) if self.main else None
        try:
            for warning in self.checkpoints.warnings:
                self._say(writer, f"warning: {warning}")
            if self.trainer.done:
                self._say(writer, f"{self.config.name} is finished: {self.config.max_epochs} epochs")
                return 0
            if resumed is not None:
                self._say(writer, f"resuming {self.folder.path} after epoch {self.trainer.epoch}")
            return self._loop(writer, stop)
        except NotFinite as error:
            epochs = self.checkpoints.epochs()
            kept = (
                f"the checkpoint of epoch {epochs[-1]} is kept" if epochs else "there is no checkpoint yet"
            )
            raise NotFinite(
                f"{error}; {kept} in {self.folder.checkpoints}; try a smaller learning rate in a new "
                "run=<folder>, or run the same command again if the machine is suspect"
            ) from None
        finally:
            if writer is not None:
                writer.close()
            self.folder.close()

    def _loop(self, writer: MetricsWriter | None, stop: StopRequest) -> int:
        config, trainer = self.config, self.trainer
        logged_at, logged_steps = time.monotonic(), trainer.env_steps
        while not trainer.done:
            trainer.run_epoch()
            epoch = trainer.epoch
            stopping = self._any(stop)
            evaluate = trainer.done or (config.eval_every > 0 and epoch % config.eval_every == 0)
            evaluation = self._evaluate() if evaluate else {}
            if epoch % config.log_every == 0 or evaluate:
                now = time.monotonic()
                self._seconds += now - logged_at
                row = trainer.read_metrics() | evaluation
                row["seconds"] = self._seconds
                row["fps"] = (trainer.env_steps - logged_steps) / max(now - logged_at, 1e-9)
                logged_at, logged_steps = now, trainer.env_steps
                if writer is not None:
                    writer.write(row)
            if epoch % config.checkpoint_every == 0 or trainer.done or stopping:
                self._save()
            if stopping and not trainer.done:
                self._say(writer, f"stopped by {stop.signal} after epoch {epoch}; the same command resumes")
                return STOPPED
        self._say(writer, f"finished {config.name}: {trainer.epoch} epochs in {self.folder.path}")
        return 0

    def _any(self, stop: StopRequest) -> bool:
        """Whether any process was asked to stop; they all stop after the same epoch."""
        if self.accelerator.num_processes == 1:
            return bool(stop)
        flag = torch.tensor(int(bool(stop)), device=self.accelerator.device)
        return bool(self.accelerator.reduce(flag, "sum") > 0)

    def _save(self) -> None:
        state: dict[str, Any] = self.trainer.state_dict() | {"seconds": self._seconds}
        score = self.trainer.returns()["R"]
        if self.main:
            self.checkpoints.save(state, self.trainer.epoch, score)

    def _evaluate(self) -> dict[str, float]:
        """Closed-loop, deterministic, on the main process only."""
        if not self.main:
            return {}
        if self._evaluator is None:
            config = self.config
            env = build_env(config, config.eval_episodes, self.trainer.device, config.seed + EVALUATION_SEED)
            self._evaluator = Evaluator(env)
        with self.trainer.timer.phase("evaluate"):
            return summarize(self._evaluator(self.trainer.agent), self._evaluator.env.tasks)

    @staticmethod
    def _say(writer: MetricsWriter | None, text: str) -> None:
        if writer is not None:
            writer.message(text)


def train(config: TrainConfig) -> int:
    """Train the experiment ``config`` in its run folder, resuming what is there; returns the exit code
    (0 finished, :data:`pwm.training.signals.STOPPED` when asked to stop).

    Raises:
        UserError: whatever the user can mend, in one line.
    """
    return Run(config).train()
