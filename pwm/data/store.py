"""Episodes on disk, read at random and handed out as batches, with bounded memory."""

from __future__ import annotations

import hashlib
import os
import resource
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pwm.data.batch import Batch, Slices, Transitions
from pwm.data.shards import INDEX, MANIFEST, Integers, Layout, Task, read_manifest
from pwm.errors import UserError

READS = 16
"""Reads in flight, of what the kernel does not have in memory."""
AHEAD = 8
"""Batches made before they are asked for."""
HELD_OUT = 0.02
"""Share of every task's episodes that is not learned from; at least :data:`LEAST_HELD_OUT`."""
LEAST_HELD_OUT = 2
_ANEW = "make the store anew, or copy it again"
_Place = tuple[int, int, int, int]
"""Where bytes lie, a shard and an offset, and where they go: from and to."""


class Store:
    """A finished store, open for reading.

    Attributes:
        identity: what tells it from any other.
        tasks: what it holds.
        obs_dim, act_dim: sizes of the set.
        files, descriptors: the shards' rows, and as they are open.
        shard, first, rows, task, returned: ``[episodes]``, of each episode where it is, of how many rows, of
            which task, and what it returned; sorted by task.

    Raises:
        UserError: it is not finished, or a file is missing, damaged or of another size.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        manifest = read_manifest(self.path)
        shards = manifest["shards"]
        if not manifest["complete"]:
            raise UserError(
                f"{self.path} is not finished ({len(shards)} shards are): run the command that makes it again"
            )
        self.identity: str = manifest["id"]
        self.source: dict[str, Any] = manifest["source"]
        self.tasks = tuple(Task(t["name"], t["obs_dim"], t["act_dim"]) for t in manifest["tasks"])
        self.obs_dim = max(task.obs_dim for task in self.tasks)
        self.act_dim = max(task.act_dim for task in self.tasks)
        self.layout = Layout(self.identity, self.obs_dim, self.act_dim)
        self.files = [self.path / shard["file"] for shard in shards]
        index = [self._index(file, shard) for file, shard in zip(self.files, shards, strict=True)]
        episodes = np.concatenate(index) if index else np.zeros(0, INDEX)
        shard = np.repeat(np.arange(len(index)), [len(part) for part in index])
        order = np.argsort(episodes["task"], kind="stable")
        self.shard: Integers = shard[order]
        self.first: Integers = episodes["first"][order].astype(np.int64)
        self.rows: Integers = episodes["rows"][order].astype(np.int64)
        self.task: Integers = episodes["task"][order].astype(np.int64)
        self.returned: NDArray[np.float64] = episodes["return"][order]
        if not len(episodes):
            raise UserError(f"{self.path} holds no episode; make it anew")
        _allow(len(self.files))
        self.descriptors = [self._open(file) for file in self.files]
        self._waiting = ThreadPoolExecutor(READS, thread_name_prefix="pwm-store-read")

    def close(self) -> None:
        """Let go of the files."""
        self._waiting.shutdown(wait=True, cancel_futures=True)
        while self.descriptors:
            os.close(self.descriptors.pop())

    def _index(self, file: Path, shard: dict[str, Any]) -> NDArray[Any]:
        index = file.with_suffix(".episodes")
        try:
            content, size = index.read_bytes(), file.stat().st_size
        except OSError as error:
            raise UserError(
                f"the store {self.path} lacks {error.filename}: {error.strerror}; {_ANEW}"
            ) from error
        if hashlib.sha256(content).hexdigest() != shard["index"]:
            raise UserError(f"{index} is damaged, or another store's; {_ANEW}")
        expected = shard["rows"] * self.layout.row_bytes
        if size != expected:
            kind = "truncated" if size < expected else "too long"
            raise UserError(f"{file} is {kind}: {size:,} bytes instead of {expected:,}; {_ANEW}")
        episodes = np.frombuffer(content, dtype=INDEX)
        ends = episodes["first"] + episodes["rows"]
        fits = (episodes["first"] >= 0) & (episodes["rows"] > 1) & (ends <= shard["rows"])
        if not (fits & (episodes["task"] >= 0) & (episodes["task"] < len(self.tasks))).all():
            raise UserError(f"{index} names rows or tasks that {self.path / MANIFEST} has not; {_ANEW}")
        return episodes

    def _open(self, file: Path) -> int:
        descriptor = os.open(file, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)  # no reading ahead: slices are far apart
        return descriptor

    def read(self, shard: Integers, first: Integers, count: Integers) -> NDArray[np.uint32]:
        """``count`` ``[n]`` rows of ``shard`` ``[n]``, each from row ``first`` ``[n]`` on, one after the
        other: as they lie on disk (:class:`pwm.data.shards.Layout`).

        Raises:
            UserError: a row is damaged, or cannot be read.
        """
        starts = np.concatenate([[0], count.cumsum()])
        words = np.empty((int(starts[-1]), self.layout.words), dtype=np.uint32)
        memory, size = words.reshape(-1).view(np.uint8).data, self.layout.row_bytes
        bounds = (shard, first * size, starts[:-1] * size, starts[1:] * size)
        wanted = list(zip(*(column.tolist() for column in bounds), strict=True))
        # What the kernel has in memory is had at once, by this thread alone; the rest is waited for together.
        missing = self._not_at_hand(wanted, memory)
        shares = [missing[start::READS] for start in range(min(READS, len(missing)))]
        for done in [self._waiting.submit(self._wait_for, share, memory) for share in shares]:
            done.result()
        place = np.arange(len(words)) + np.repeat(first - starts[:-1], count)
        of = np.repeat(shard, count)
        wrong = self.layout.wrong(words, of, place)
        if wrong.any():
            bad = int(wrong.argmax())
            number = int(of[bad])
            raise UserError(
                f"{self.files[number]} is damaged at byte {int(place[bad]) * size:,} "
                f"(row {int(place[bad]):,}); `pwm data inspect {self.path}` lists all damage; {_ANEW}"
            )
        return words

    def look(self, shard: int, first: int, count: int) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
        """``count`` rows of a ``shard`` from row ``first`` on, whatever is in them, and which are damaged."""
        words = np.empty((count, self.layout.words), dtype=np.uint32)
        self._wait_for(
            [(shard, first * self.layout.row_bytes, 0, words.nbytes)], words.reshape(-1).view(np.uint8).data
        )
        place = np.arange(first, first + count)
        return words, self.layout.wrong(words, np.full(count, shard), place)

    def _not_at_hand(self, places: list[_Place], memory: memoryview) -> list[_Place]:
        """Those of the ``places`` whose bytes the kernel did not have; the others' are copied."""
        missing, read, descriptors, at_once = [], os.preadv, self.descriptors, os.RWF_NOWAIT
        for place in places:
            number, offset, low, high = place
            try:
                if read(descriptors[number], [memory[low:high]], offset, at_once) != high - low:
                    missing.append(place)
            except OSError:  # BlockingIOError, or a file system that cannot say
                missing.append(place)
        return missing

    def _wait_for(self, places: list[_Place], memory: memoryview) -> None:
        for number, offset, low, high in places:
            try:
                got = os.preadv(self.descriptors[number], [memory[low:high]], offset)
            except OSError as error:
                raise UserError(f"cannot read {self.files[number]}: {error.strerror}") from error
            if got != high - low:
                raise UserError(f"{self.files[number]} is truncated at byte {offset + got:,}; {_ANEW}")


class Sampler:
    """Batches of a store, in an order that a seed fixes, made in a thread ahead of their use.

    Of each transition the task is drawn first, all alike, then the transition, uniformly among the task's.
    So that a batch of ``B * H`` of them takes ``B`` reads they come in runs of ``H`` consecutive ones; a run
    that meets its episode's end goes on at its beginning, so that those close to an end are as likely as
    any other. A slice is such a run within an episode.

    Args:
        store: where from.
        task: ``[tasks of the learner]`` their indices in the store: what a batch calls task k is ``task[k]``.
        batch_size: ``B``.
        horizon: ``H``.
        slices: whether batches have slices too.
        device: of the batches.
        seed: of the order.
        part: which of the processes this is.
        held_out: of the episodes that are not learned from, instead of the others.

    Raises:
        UserError: a task has no episode, or none of ``horizon`` transitions where slices are wanted.
    """

    def __init__(
        self,
        store: Store,
        task: Sequence[int],
        batch_size: int,
        horizon: int,
        *,
        slices: bool = False,
        device: torch.device | None = None,
        seed: int = 0,
        part: int = 0,
        held_out: bool = False,
    ) -> None:
        self.store, self.batch_size, self.horizon, self.slices = store, batch_size, horizon, slices
        self.device = device or torch.device("cpu")
        self._seed, self._part = seed, part
        self.position = 0
        """Batches handed out."""
        self._episodes = [_of_task(store, index, held_out) for index in task]
        for index, episodes in zip(task, self._episodes, strict=True):
            if slices and store.rows[episodes].max() <= horizon:
                raise UserError(
                    f"{store.path} has no episode of {store.tasks[index].name} of horizon={horizon} "
                    "transitions; use a shorter horizon"
                )
        self._ends = [np.cumsum(store.rows[episodes] - 1) for episodes in self._episodes]
        self._slice_ends = [np.cumsum(np.maximum(store.rows[e] - horizon, 0)) for e in self._episodes]
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pwm-store")
        self._ahead: deque[Future[Batch]] = deque()

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        while len(self._ahead) < AHEAD:
            self._ahead.append(self._thread.submit(self.batch, self.position + len(self._ahead)))
        batch = self._ahead.popleft().result()
        self.position += 1
        return batch.to(self.device)

    def go_to(self, position: int) -> None:
        """Hand out that batch next, counted from 0."""
        self._ahead.clear()
        self.position = position

    def state_dict(self) -> dict[str, Any]:
        """Which store, and how far in it."""
        return {"store": self.store.identity, "position": self.position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state_dict` returned.

        Raises:
            UserError: that was of another store.
        """
        if state["store"] != self.store.identity:
            raise UserError(
                f"{self.store.path} is another store than this run began with; choose another run=<folder>"
            )
        self.go_to(int(state["position"]))

    def close(self) -> None:
        """Stop the thread."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def batch(self, number: int) -> Batch:
        """Batch ``number``, counted from 0, on the CPU."""
        random = np.random.Generator(np.random.Philox(key=self._seed, counter=[0, 0, self._part, number]))
        transitions = self._transitions(random)
        return Batch(transitions, self._slices(random) if self.slices else None)

    def _transitions(self, random: np.random.Generator) -> Transitions:
        store = self.store
        task, episode, start = self._draw(random, self._ends)
        shard, first, count, owner = self._runs(episode, start)
        rows = store.read(shard, first, count)
        # All rows of a stretch but the last are acted on.
        last = count.cumsum() - 1
        observation, *_ = store.layout.unpack(np.delete(rows, last, axis=0))
        following, action, reward, terminated = store.layout.unpack(np.delete(rows, last - count + 1, axis=0))
        return Transitions(
            observation, action, reward, terminated, following, _tensor(np.repeat(task[owner], count - 1))
        )

    def _runs(self, episode: Integers, start: Integers) -> tuple[Integers, Integers, Integers, Integers]:
        """The stretches of rows that runs of ``H`` transitions from transition ``start`` ``[B]`` of episodes
        ``[B]`` consist of: shard, first row, number of rows, and which run each is of."""
        store, parts = self.store, []
        owner, left = np.arange(len(episode)), np.full(len(episode), self.horizon)
        while len(owner):
            transitions = np.minimum(left, store.rows[episode] - 1 - start)
            parts.append((store.shard[episode], store.first[episode] + start, transitions + 1, owner))
            left = left - transitions
            more = left > 0
            owner, left, episode, start = (
                owner[more],
                left[more],
                episode[more],
                np.zeros(int(more.sum()), int),
            )
        shard, first, count, owner = (np.concatenate(column) for column in zip(*parts, strict=True))
        return shard, first, count, owner

    def _slices(self, random: np.random.Generator) -> Slices:
        store, length = self.store, self.horizon + 1
        task, episode, start = self._draw(random, self._slice_ends)
        rows = store.read(store.shard[episode], store.first[episode] + start, np.full(len(episode), length))
        time_first = np.ascontiguousarray(rows.reshape(len(episode), length, -1).swapaxes(0, 1))
        observation, action, reward, _ = store.layout.unpack(time_first)
        return Slices(observation, action[1:], reward[1:], _tensor(task))

    def _draw(self, random: np.random.Generator, ends: list[Integers]) -> tuple[Integers, Integers, Integers]:
        """Tasks ``[B]`` (the learner's), episodes and places in them, which ``ends`` counts for each task."""
        task = random.integers(len(ends), size=self.batch_size)
        uniform = random.random(self.batch_size)
        episode, start = np.empty_like(task), np.empty_like(task)
        for index, counted in enumerate(ends):
            mine = np.flatnonzero(task == index)
            nth = (uniform[mine] * counted[-1]).astype(np.int64)
            which = np.searchsorted(counted, nth, side="right")
            episode[mine] = self._episodes[index][which]
            start[mine] = nth - np.where(which > 0, counted[which - 1], 0)
        return task, episode, start


def _allow(files: int) -> None:
    """Let this process have so many more files open, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, files + 1024)), hard))


def _of_task(store: Store, task: int, held_out: bool) -> Integers:
    """The episodes of a task that are learned from, or those that are not: its last ones."""
    episodes = np.flatnonzero(store.task == task)
    if not len(episodes):
        raise UserError(f"{store.path} has no episode of {store.tasks[task].name}")
    aside = min(max(LEAST_HELD_OUT, round(HELD_OUT * len(episodes))), len(episodes) - 1)
    if aside == 0:  # a single one is both
        return episodes
    return episodes[-aside:] if held_out else episodes[:-aside]


def _tensor(values: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values))
