"""Extraction: a policy for one task from a frozen world model, which starts from states of the data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from pwm.algorithms.actor_loss import Rollout
from pwm.config.types import TrainConfig
from pwm.data.store import Sampler
from pwm.learning import pretrained
from pwm.learning.build import Spaces
from pwm.learning.epochs import Epochs
from pwm.learning.graphs import Captured
from pwm.learning.learner import Learner, Metrics
from pwm.run.signals import Dropped


class Extractor(Epochs):
    """An epoch is ``actor_updates`` updates of the actor, each followed by those of the critic (Georgiev et
    al. 2024, section 4.3), on rollouts from observations of the task in the store. No simulator is asked.

    Attributes:
        spaces: those of the world model.

    Raises:
        UserError: there is no such world model, or it is another's.
    """

    def __init__(self, config: TrainConfig, accelerator: Accelerator) -> None:
        super().__init__(config, accelerator)
        state = pretrained.load(config)
        self.spaces = Spaces.of_state(config, state)
        torch.manual_seed(config.seed)
        self.agent = pretrained.take_over(config, state, self.device)
        self.learner = Learner(self.agent, config, accelerator)
        store, number = pretrained.open_store(config, self.spaces), config.imagination_batch
        task = pretrained.indices(store, [config.task])
        self._starts = Sampler(store, task, number, 1, device=self.device, seed=config.seed)
        self._task = torch.full((number,), config.tasks.index(config.task), device=self.device)

        def update_critic(*rollout: Tensor) -> Metrics:
            return self.learner.update_critic(Rollout(*rollout))

        self._update_actor = Captured(self.learner.update_actor, self._recorder())
        self._update_critic = Captured(update_critic, self._recorder())

    @property
    def captured(self) -> tuple[Captured[Any], ...]:
        return (self._update_actor, self._update_critic)

    def run_epoch(self, stop: Callable[[], bool] = lambda: False) -> None:
        self.learner.set_epoch(self.epoch)
        for _ in range(self.config.actor_updates):
            if stop():
                raise Dropped
            observation = next(self._starts).transitions.observation
            with self.timer.phase("actor"):
                metrics, rollout = self._update_actor(observation, self._task)
            self.meters.add(metrics)
            with self.timer.phase("critic"):
                self.meters.add(self._update_critic(*rollout))
        self._end_epoch()

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"sampler": self._starts.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> str | None:
        self._starts.load_state_dict(state["sampler"])
        return super().load_state_dict(state)
