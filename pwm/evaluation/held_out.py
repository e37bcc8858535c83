"""A world model on the episodes of a store that it does not learn from."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pwm.data.batch import Batch
from pwm.data.store import Sampler
from pwm.errors import UserError
from pwm.evaluation import model_quality
from pwm.learning.pretrainer import Pretrainer

STRETCHES = 256
"""Of each task, and as many transitions times the horizon."""
STEPS = (1, 4, 8, 16)
KINDS = ("latent", "reward", "observation")


class HeldOut:
    """Losses and open-loop errors of what a :class:`Pretrainer` learns, always on the same episodes.

    Every process measures: parts of the loss are means over all of them.
    """

    def __init__(self, trainer: Pretrainer) -> None:
        self._trainer = trainer
        config = trainer.config
        self._batch = self._drawn(config.horizon, trainer.learner.needs_slices, held_out=True)
        try:
            horizon = model_quality.HORIZON
            test, fit = (self._drawn(horizon, True, held_out).slices for held_out in (True, False))
        except UserError:  # every episode of a task is shorter
            test = fit = None
        self._test, self._fit = test, fit

    @torch.no_grad()
    def __call__(self) -> dict[str, float]:
        """``eval_<loss>`` and, open loop after so many steps, ``eval_<kind>_error_<steps>`` (mean squared
        error over variance), means over tasks; with several tasks each has its own, ending in ``_<task>``."""
        trainer = self._trainer
        tasks, loss = trainer.config.tasks, trainer.accelerator.unwrap_model(trainer.learner.world_model_loss)
        rows = []
        with torch.random.fork_rng([trainer.device] if trainer.device.type == "cuda" else []):
            torch.manual_seed(trainer.config.seed)
            loss.eval()
            for index in range(len(tasks)):
                _, parts = loss(_of_task(self._batch, index))
                row = {f"eval_{name}": float(value) for name, value in parts.items()}
                rows.append(row | self._open_loop(index))
            loss.train()
        result = {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}
        if len(tasks) > 1:
            for task, row in zip(tasks, rows, strict=True):
                result |= {f"{name}_{task}": value for name, value in row.items()}
        return result

    def _open_loop(self, index: int) -> dict[str, float]:
        if self._test is None or self._fit is None:
            return {}
        test, fit = (_rows(slices, slices.task == index, 1) for slices in (self._test, self._fit))
        agent = self._trainer.agent
        found = model_quality.errors(
            agent, test, model_quality.decoder(agent, fit), self._trainer.config.gamma
        )
        return {f"eval_{kind}_error_{step}": found[kind][step - 1] for kind in KINDS for step in STEPS}

    def _drawn(self, horizon: int, slices: bool, held_out: bool) -> Batch:
        trainer = self._trainer
        sampler = Sampler(
            trainer.store,
            trainer.tasks,
            STRETCHES * len(trainer.tasks),
            horizon,
            slices=slices,
            seed=trainer.config.seed,
            held_out=held_out,
        )
        batch = sampler.batch(0)
        sampler.close()
        return batch.to(trainer.device)


def _of_task(batch: Batch, index: int) -> Batch:
    """The part of a batch that is of one task."""
    transitions = _rows(batch.transitions, batch.transitions.task == index, 0)
    slices = batch.slices
    return Batch(transitions, None if slices is None else _rows(slices, slices.task == index, 1))


def _rows(part: Any, mine: Tensor, dimension: int) -> Any:
    """Those of the batch's rows that are ``mine``, which are along ``dimension`` but for the tasks."""
    return type(part)(*(value[:, mine] if dimension and value.dim() > 1 else value[mine] for value in part))
