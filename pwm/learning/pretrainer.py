"""Pretraining: a world model from the episodes of a store, without any simulator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from pwm.config.types import TrainConfig
from pwm.data.batch import Batch, Slices, Transitions
from pwm.data.store import Sampler, Store
from pwm.learning import pretrained
from pwm.learning.build import Spaces, build_agent
from pwm.learning.epochs import Epochs
from pwm.learning.graphs import Captured
from pwm.learning.learner import Learner, Metrics
from pwm.run.signals import Dropped

STATISTICS_BATCHES = 64
"""Each process's, from which observations and rewards have their means and deviations before the first
update."""


class Pretrainer(Epochs):
    """An epoch is ``wm_updates`` updates of the world model on batches of the store ``config.data``.

    Raises:
        UserError: the store lacks a task, or cannot be read.
    """

    def __init__(self, config: TrainConfig, accelerator: Accelerator) -> None:
        super().__init__(config, accelerator)
        self.store = Store(config.data)
        self.tasks = pretrained.indices(self.store, config.tasks)
        torch.manual_seed(config.seed)
        self.agent = build_agent(config, spaces(self.store, self.tasks), self.device)
        self.learner = Learner(self.agent, config, accelerator)
        torch.manual_seed(self.seed)  # equal networks, unlike samples
        self.batches = Sampler(
            self.store,
            self.tasks,
            config.wm_batch_size // self.processes.number,
            config.horizon,
            slices=self.learner.needs_slices,
            device=self.device,
            seed=config.seed,
            part=self.processes.rank,
        )

        def update(*parts: Tensor) -> Metrics:
            number = len(Transitions._fields)
            slices = Slices(*parts[number:]) if len(parts) > number else None
            return self.learner.update_world_model(Batch(Transitions(*parts[:number]), slices))

        self._update = Captured(update, self._recorder())

    @property
    def captured(self) -> tuple[Captured[Any], ...]:
        return (self._update,)

    def run_epoch(self, stop: Callable[[], bool] = lambda: False) -> None:
        self.learner.set_epoch(self.epoch)
        if self.epoch == 0:
            self._take_statistics()
        for _ in range(self.config.wm_updates):
            if stop():
                raise Dropped
            with self.timer.phase("data"):
                batch = next(self.batches)
            with self.timer.phase("world_model"):
                self.meters.add(self._update(*batch.transitions, *(batch.slices or ())))
        self._end_epoch()

    def own_metrics(self) -> dict[str, Any]:
        return {"updates": self.epoch * self.config.wm_updates}

    def _take_statistics(self) -> None:
        """See as many transitions as :data:`STATISTICS_BATCHES` have; those are then learned from, too."""
        for number in range(STATISTICS_BATCHES):
            seen = self.batches.batch(number).to(self.device).transitions
            self.agent.observe(seen.observation, seen.reward, seen.task)

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"sampler": self.batches.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> str | None:
        self.batches.load_state_dict(state["sampler"])
        return super().load_state_dict(state)


def spaces(store: Store, tasks: list[int]) -> Spaces:
    """What networks have to fit, for these of a store's ``tasks``."""
    mask = torch.zeros(len(tasks), store.act_dim)
    for row, index in enumerate(tasks):
        mask[row, : store.tasks[index].act_dim] = 1
    return Spaces(store.obs_dim, store.act_dim, mask)
