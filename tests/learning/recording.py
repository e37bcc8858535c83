"""A stand-in for CUDA graphs on a CPU, as strict as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pytest
import torch
import warp as wp
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

T = TypeVar("T")


class Recording(TorchDispatchMode):
    """Records every operation with the tensors and numbers that it was given, and runs them again: on the
    same memory, without any of the Python code around them."""

    def __init__(self) -> None:
        super().__init__()
        self._steps: list[Callable[[], Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("operation not permitted when stream is capturing: it waits for the device")
        kwargs = kwargs or {}
        outputs = func(*args, **kwargs)
        given = {x.untyped_storage().data_ptr() for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)}
        made = [
            x
            for x in tree_leaves(outputs)
            if isinstance(x, Tensor) and x.untyped_storage().data_ptr() not in given
        ]
        if made or func._schema.is_mutable:

            def again() -> None:
                results = [x for x in tree_leaves(func(*args, **kwargs)) if isinstance(x, Tensor)]
                kept = [x for x in tree_leaves(outputs) if isinstance(x, Tensor)]
                for old, new in zip(kept, results, strict=True):
                    if any(old is x for x in made):
                        old.copy_(new)

            self._steps.append(again)
        return outputs

    def add(self, step: Callable[[], Any]) -> None:
        self._steps.append(step)

    def replay(self) -> None:
        with torch.no_grad():
            for step in self._steps:
                step()


class Recorder:
    """What :class:`pwm.learning.graphs.CudaRecorder` is on a GPU. There recording runs nothing and replaying
    does; here the first replay is the recording itself."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.recorded, self.replayed, self.warmed_up = 0, 0, 0
        self._current: Recording | None = None
        launch = wp.Launch.launch

        def launching(this: wp.Launch, *args: Any, **kwargs: Any) -> None:
            launch(this, *args, **kwargs)
            if self._current is not None:
                self._current.add(lambda: launch(this, *args, **kwargs))

        monkeypatch.setattr(wp.Launch, "launch", launching)

    def warm_up(self, work: Callable[[], T]) -> T:
        self.warmed_up += 1
        return work()

    def record(self, work: Callable[[], T], generators: Sequence[torch.Generator]) -> Callable[[], T]:
        self.recorded += 1
        recording = self._current = Recording()
        try:
            with recording:
                outputs = work()
        finally:
            self._current = None
        first = True

        def replay() -> T:
            nonlocal first
            if not first:
                recording.replay()
            first = False
            self.replayed += 1
            return outputs

        return replay
