"""Functions that are recorded as CUDA graphs: a few hundred kernels for one launch.

An update of a small network is hundreds of kernels of a few microseconds each, and launching one takes the
CPU as long. Recorded once, they are launched together.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

T = TypeVar("T")

WARM_UP = 3
"""Calls before the recording, in which libraries and optimizers make what they keep."""


class Recorder(Protocol):
    """Makes graphs."""

    def warm_up(self, work: Callable[[], T]) -> T:
        """``work()``, run where it will be recorded."""
        ...

    def record(self, work: Callable[[], T], generators: Sequence[torch.Generator]) -> Callable[[], T]:
        """What runs the kernels of ``work()`` again and returns the tensors that it then returned, with
        their new contents; ``work()`` draws from torch's generator and ``generators``."""
        ...


class CudaRecorder:
    """CUDA graphs of work on ``device``."""

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device)

    def warm_up(self, work: Callable[[], T]) -> T:
        current = torch.cuda.current_stream(self._stream.device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            result = work()
        current.wait_stream(self._stream)
        return result

    def record(self, work: Callable[[], T], generators: Sequence[torch.Generator]) -> Callable[[], T]:
        graph = torch.cuda.CUDAGraph()
        for generator in generators:
            graph.register_generator_state(generator)
        # Only this thread must do nothing that cannot be recorded: another one may write a checkpoint.
        with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
            outputs = work()

        def replay() -> T:
            graph.replay()
            return outputs

        return replay


class Captured(Generic[T]):
    """``function``, which after :data:`WARM_UP` calls is recorded and from then on replayed; without a
    ``recorder`` the function itself.

    Args:
        function: takes tensors and returns tensors (in tuples, lists and dicts). All else that it reads or
            writes keeps its place in memory, and nothing it does depends on a tensor's value.
        recorder: makes the graph.
        generators: random generators besides torch's own that ``function`` draws from.
    """

    def __init__(
        self,
        function: Callable[..., T],
        recorder: Recorder | None,
        generators: Sequence[torch.Generator] = (),
    ) -> None:
        self._function, self._recorder, self._generators = function, recorder, generators
        self.forget()

    def __call__(self, *inputs: Tensor) -> T:
        """What ``function`` returns, in memory that later calls leave alone. Inputs of other shapes than were
        recorded are given to the function itself."""
        if self._recorder is None:
            return self._function(*inputs)
        if self._replay is None:
            if self._calls < WARM_UP:
                self._calls += 1
                return self._recorder.warm_up(lambda: self._function(*inputs))
            if not self._record(self._recorder, inputs):
                return self._function(*inputs)
            assert self._replay is not None
        if [x.shape for x in inputs] != [x.shape for x in self._inputs]:
            return self._function(*inputs)
        for kept, given in zip(self._inputs, inputs, strict=True):
            kept.copy_(given)
        result: T = tree_map_only(Tensor, torch.clone, self._replay())
        return result

    @property
    def recorded(self) -> bool:
        """Whether it is replayed from now on."""
        return self._replay is not None

    def forget(self) -> None:
        """Record anew: what was recorded has lost its place in memory."""
        self._calls = 0
        self._inputs: list[Tensor] = []
        self._replay: Callable[[], T] | None = None

    def _record(self, recorder: Recorder, inputs: Sequence[Tensor]) -> bool:
        self._inputs = [x.clone() for x in inputs]
        try:
            self._replay = recorder.record(lambda: self._function(*self._inputs), self._generators)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[0]
            warnings.warn(f"no CUDA graph of {self._function.__name__}: {reason}", stacklevel=3)
            self._recorder = None
        return self._recorder is not None
