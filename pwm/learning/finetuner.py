"""Finetuning: online training of one task that begins with a pretrained world model and keeps its data."""

from __future__ import annotations

from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from pwm.algorithms.agent import Agent
from pwm.config.types import TrainConfig
from pwm.data.batch import Batch, Slices, Transitions
from pwm.data.store import Sampler
from pwm.envs.base import VectorEnv
from pwm.learning import pretrained
from pwm.learning.build import Spaces, build_env
from pwm.learning.trainer import Trainer


class Finetuner(Trainer):
    """A :class:`Trainer` whose world model was pretrained, and goes on learning from batches of which half
    are of the store and half fresh.

    Attributes:
        spaces: those of the world model.
    """

    def __init__(self, config: TrainConfig, accelerator: Accelerator) -> None:
        self._state = pretrained.load(config)
        self.spaces = Spaces.of_state(config, self._state)
        store = pretrained.open_store(config, self.spaces)
        super().__init__(config, accelerator)
        del self._state
        self._kept = Sampler(
            store,
            pretrained.indices(store, [config.task]),
            config.wm_batch_size - config.wm_batch_size // 2,
            config.horizon,
            slices=self.learner.needs_slices,
            device=self.device,
            seed=config.seed,
        )
        self._index = config.tasks.index(config.task)

    def _make_env(self, num_envs: int) -> VectorEnv:
        return build_env(self.config, num_envs, self.device, self.seed, spaces=self.spaces)

    def _make_agent(self) -> Agent:
        return pretrained.take_over(self.config, self._state, self.device)

    @property
    def _draws_on_device(self) -> bool:
        return False

    def sample(self) -> Batch:
        """Half of a batch from the store, half from the replay."""
        fresh = self.replay.sample(self.config.wm_batch_size // 2, self.learner.needs_slices)
        kept = next(self._kept)
        slices = None
        if fresh.slices is not None and kept.slices is not None:
            slices = Slices(*_joined(fresh.slices, kept.slices, (1, 1, 1, 0), self._index))
        transitions = _joined(
            fresh.transitions, kept.transitions, (0,) * len(Transitions._fields), self._index
        )
        return Batch(Transitions(*transitions), slices)

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"sampler": self._kept.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> str | None:
        self._kept.load_state_dict(state["sampler"])
        return super().load_state_dict(state)


def _joined(fresh: Any, kept: Any, dimensions: tuple[int, ...], task: int) -> list[Tensor]:
    """Both parts' fields along their batch ``dimensions``; what is kept is of the store's one task, which the
    model calls ``task``."""
    kept = kept._replace(task=torch.full_like(kept.task, task))
    return [torch.cat(pair, dim) for *pair, dim in zip(fresh, kept, dimensions, strict=True)]
