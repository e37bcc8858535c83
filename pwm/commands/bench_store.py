"""How fast a store delivers batches: from memory, from the disk, and beside plain reads."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np

from pwm.data.shards import Episode, Task, Writer
from pwm.data.store import READS, Sampler, Store

TASK = Task("synthetic", 24, 6)
"""Of MT30's sizes."""
ROWS, BATCH, HORIZON = 501, 1024, 16
GIGABYTES = 4.0
SHARDS = 8
BATCHES = 20


def measure(repeats: int) -> dict[str, float]:
    """Batches of 1,024 runs of 16 transitions a second, medians of ``repeats``: ``warm``, ``cold`` (its pages
    dropped before every batch), and what plain threaded reads of the same places reach (``reads_…``); and the
    memory [MB] that reading added (``grown_mb``)."""
    with tempfile.TemporaryDirectory(prefix="pwm-store-") as folder:
        store = _store(Path(folder))
        before = _resident()
        sampler = Sampler(store, [0], BATCH, HORIZON)
        for _ in range(BATCHES):
            next(sampler)
        numbers = iter(range(10**9))
        with ThreadPoolExecutor(READS) as threads:

            def read() -> None:
                _plain(store, threads, next(numbers))

            result = {
                "warm": _rate(lambda: next(sampler), BATCHES, repeats),
                "reads_warm": _rate(read, BATCHES, repeats),
                "cold": _rate(lambda: sampler.batch(next(numbers)), 3, repeats, lambda: _drop(store)),
                "reads_cold": _rate(read, 3, repeats, lambda: _drop(store)),
            }
        sampler.close()
        result["grown_mb"] = _resident() - before
        store.close()
    return result


def _store(path: Path) -> Store:
    random = np.random.default_rng(0)
    observation = random.standard_normal((ROWS, TASK.obs_dim)).astype(np.float32)
    ends = np.zeros(ROWS - 1, dtype=bool)
    with Writer(path, [TASK], {"kind": "benchmark"}) as writer:
        number = round(GIGABYTES * 1e9 / ROWS / writer.layout.row_bytes / SHARDS)

        def episodes() -> Iterator[Episode]:
            for _ in range(number):
                yield Episode(0, observation, observation[1:, :6], observation[1:, 0], ends)

        for shard in range(SHARDS):
            writer.write(str(shard), episodes())
        writer.finish()
    return Store(path)


def _rate(
    work: Callable[[], object], times: int, repeats: int, before: Callable[[], None] | None = None
) -> float:
    rates = []
    for _ in range(repeats):
        seconds = 0.0
        for _ in range(times):
            if before is not None:
                before()
            began = time.perf_counter()
            work()
            seconds += time.perf_counter() - began
        rates.append(times / seconds)
    return median(rates)


def _drop(store: Store) -> None:
    """Let the kernel forget the store's pages."""
    for file in store.files:
        descriptor = os.open(file, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def _plain(store: Store, threads: ThreadPoolExecutor, seed: int) -> None:
    """As many reads as a batch takes, and nothing else."""
    size = store.layout.row_bytes
    random = np.random.default_rng(seed)
    places = [
        (int(file), int(row) * size)
        for file, row in zip(
            random.integers(len(store.files), size=BATCH),
            random.integers(int(store.rows.sum()) // len(store.files) - HORIZON, size=BATCH),
            strict=True,
        )
    ]

    def read(part: int) -> None:
        for file, offset in places[part::READS]:
            os.pread(store.descriptors[file], (HORIZON + 1) * size, offset)

    list(threads.map(read, range(READS)))


def _resident() -> float:
    """MB of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
