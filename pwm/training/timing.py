"""Seconds per phase of an epoch, without waiting for the device."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


class PhaseTimer:
    """Adds up the seconds spent in named phases; on CUDA by events, read only in :meth:`read`."""

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._marks: dict[str, list[tuple[Any, Any]]] = defaultdict(list)

    def _mark(self) -> Any:
        if not self._cuda:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count what happens inside as ``name``."""
        start = self._mark()
        try:
            yield
        finally:
            self._marks[name].append((start, self._mark()))

    def read(self) -> dict[str, float]:
        """Seconds per phase since the last reading. On CUDA waits for the device."""
        if self._cuda:
            torch.cuda.synchronize()
            total = {n: sum(a.elapsed_time(b) for a, b in m) / 1e3 for n, m in self._marks.items()}
        else:
            total = {n: sum(b - a for a, b in m) for n, m in self._marks.items()}
        self._marks.clear()
        return total
