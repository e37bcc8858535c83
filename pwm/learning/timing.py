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


class Clock:
    """Seconds that a run has trained, over all its starts, and how fast it goes."""

    def __init__(self) -> None:
        self._seconds, self._read_at, self._env_steps = 0.0, time.monotonic(), 0

    def read(self, env_steps: int) -> dict[str, float]:
        """``seconds`` of the run, and ``fps``: environment steps per second since the last reading."""
        now = time.monotonic()
        elapsed, steps = now - self._read_at, env_steps - self._env_steps
        self._seconds, self._read_at, self._env_steps = self._seconds + elapsed, now, env_steps
        return {"seconds": self._seconds, "fps": steps / max(elapsed, 1e-9)}

    def state_dict(self) -> dict[str, float]:
        """What was read last."""
        return {"seconds": self._seconds, "env_steps": self._env_steps}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Go on from there, now."""
        self._seconds, self._read_at = float(state["seconds"]), time.monotonic()
        self._env_steps = int(state["env_steps"])
