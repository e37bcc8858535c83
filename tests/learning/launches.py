"""How many kernels an epoch launches, counted on any machine.

Every operation that PyTorch dispatches, but for views and allocations, is at least one launch on a GPU. The
number does not depend on the sizes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from pwm.config.types import TrainConfig
from pwm.learning.trainer import Trainer

NO_LAUNCH = {
    *("empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided", "detach", "alias"),
    *("_unsafe_view", "_reshape_alias", "lift_fresh", "is_same_size", "_local_scalar_dense"),
    *("_record_function_enter_new", "_record_function_exit"),
}


class LaunchCounter(TorchDispatchMode):
    """Counts by phase; takes the place of a trainer's timer."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self._phase = "other"

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        schema = func._schema
        views = any(r.alias_info is not None and not r.alias_info.is_write for r in schema.returns)
        if not views and schema.name.split("::")[1] not in NO_LAUNCH:
            self.counts[self._phase] += 1
        return func(*args, **(kwargs or {}))

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count what happens inside as ``name``."""
        before, self._phase = self._phase, name
        try:
            yield
        finally:
            self._phase = before

    def read(self) -> dict[str, float]:
        return {}


def count(trainer: Trainer, config: TrainConfig) -> dict[str, int]:
    """Launches by phase of an epoch of ``trainer``, which has begun to learn, run eagerly on the CPU. Warp's
    own, one a step of the environments, are added."""
    counter = LaunchCounter()
    trainer.timer = counter  # type: ignore[assignment]
    on_a_gpu: tuple[Any, ...] = (
        mock.patch("pwm.nn.activations.on_cpu", lambda x: False),
        mock.patch("pwm.nn.linear._faster", lambda x, weight: False),
        *(mock.patch.object(env, "_asks", False) for env in getattr(trainer.env, "envs", [trainer.env])),
    )
    for patch in on_a_gpu:
        patch.start()
    try:
        with counter, torch.enable_grad():
            trainer.run_epoch()
    finally:
        for patch in on_a_gpu:
            patch.stop()
    counter.counts["collect"] += config.horizon
    return dict(counter.counts)
