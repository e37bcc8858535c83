"""How episodes lie on disk: a folder of shards, each a file of fixed-size rows and an index of its episodes.

::

    manifest.json     the tasks and their sizes, where the data comes from, and every shard
    00000.rows        the rows, one record each, episode after episode
    00000.episodes    where they begin, how long they are, of which task, and what they returned
    store.lock        held by the process that writes

An episode of ``L`` transitions is ``L + 1`` consecutive rows: row k holds an observation and the action, the
reward and the end that led to it; in row 0 these are 0. Observations and actions are zero-padded to the
largest of the tasks. A row is ``obs_dim + act_dim + 1`` float32 and one word in which the lowest bit says
whether the episode was terminated, and the others are a hash of the row, of its place and of the store it
belongs to. It is looked at whenever the row is read, so that a row that is damaged, moved, or another store's
is refused however it got there (a wrong one passes in one of 2^31 cases).

A shard is written whole or not at all; the manifest names those that are.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pwm.errors import UserError
from pwm.files import remedy, replace_text

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
FORMAT = 1
MANIFEST, LOCK = "manifest.json", "store.lock"
INDEX = np.dtype([("first", "<i8"), ("rows", "<i4"), ("task", "<i4"), ("return", "<f8")])
PIECE = 1 << 14
"""Rows that are hashed together."""


class Task(NamedTuple):
    """What a store knows of a task."""

    name: str
    obs_dim: int
    act_dim: int


class Episode(NamedTuple):
    """``L`` consecutive transitions of one task."""

    task: int
    """Index into the store's tasks."""
    observation: Floats
    """``[L + 1, obs_dim]`` of the task or padded."""
    action: Floats
    """``[L, act_dim]``."""
    reward: Floats
    """``[L]``."""
    terminated: NDArray[np.bool_]
    """``[L]``; True at most at the last."""


class Layout:
    """The rows of a store: how wide they are, and what their last word has to be.

    Args:
        identity: of the store, as in its manifest.
        obs_dim, act_dim: sizes of the set.
    """

    def __init__(self, identity: str, obs_dim: int, act_dim: int) -> None:
        self.obs_dim, self.act_dim = obs_dim, act_dim
        self.words = obs_dim + act_dim + 2
        self.row_bytes = 4 * self.words
        # Multilinear hashing (Lemire and Kaser 2014): random weights, sums modulo 2^64, the upper bits.
        seed = int(hashlib.sha256(identity.encode()).hexdigest()[:32], 16)
        weights = np.random.default_rng(seed).integers(0, 2**64, self.words + 4, dtype=np.uint64)
        self._of_words, self._of_place = weights[: self.words], weights[self.words :]

    def pack(self, episode: Episode) -> NDArray[np.uint32]:
        """The rows ``[L + 1, words]`` of an episode, their last word only told the end."""
        length = len(episode.reward)
        rows = np.zeros((length + 1, self.words), dtype=np.float32)
        rows[:, : episode.observation.shape[1]] = episode.observation
        rows[1:, self.obs_dim : self.obs_dim + episode.action.shape[1]] = episode.action
        rows[1:, -2] = episode.reward
        words = rows.view(np.uint32)
        words[1:, -1] = episode.terminated
        return words

    def unpack(self, words: NDArray[np.uint32]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Observations ``[..., obs_dim]``, and the actions ``[..., act_dim]``, the rewards ``[...]`` and the
        ends ``[...]`` (bool) that led to them, of rows ``[..., words]``, in the memory of these."""
        values = torch.from_numpy(words.view(np.float32))
        ended = torch.from_numpy((words[..., -1] & np.uint32(1)).astype(bool))
        return values[..., : self.obs_dim], values[..., self.obs_dim : -2], values[..., -2], ended

    def seal(self, words: NDArray[np.uint32], shard: int, first: int) -> None:
        """Complete the last word of consecutive rows of a shard, the first of which is number ``first``."""
        places = np.arange(first, first + len(words))
        words[:, -1] = self._expected(words, np.full_like(places, shard), places)

    def wrong(self, words: NDArray[np.uint32], shard: Integers, place: Integers) -> NDArray[np.bool_]:
        """``[n]``: which rows ``[n, words]`` are not those of ``place`` ``[n]`` in ``shard`` ``[n]``."""
        found: NDArray[np.bool_] = words[:, -1] != self._expected(words, shard, place)
        return found

    def _expected(self, words: NDArray[np.uint32], shard: Integers, place: Integers) -> NDArray[np.uint32]:
        ended = words[:, -1] & np.uint32(1)
        own, by_shard, by_place, by_end = self._of_place
        total = own + place.astype(np.uint64) * by_place + shard.astype(np.uint64) * by_shard + ended * by_end
        for start in range(0, len(words), PIECE):
            piece = words[start : start + PIECE, :-1].astype(np.uint64)
            total[start : start + PIECE] += piece @ self._of_words[:-1]
        hashed: NDArray[np.uint32] = ((total >> np.uint64(33)).astype(np.uint32) << np.uint32(1)) | ended
        return hashed


class Writer:
    """A store that is being made, of named pieces, each of which becomes a shard.

    Making it anew in the same folder with the same tasks and source goes on with what is there; the same
    pieces give the same files, byte for byte.

    Args:
        path: the store's folder.
        tasks: what it is to hold.
        source: where the data comes from: what the same store would be made from again.

    Raises:
        UserError: the folder holds something else, or cannot be written.
    """

    def __init__(self, path: Path, tasks: Sequence[Task], source: Mapping[str, Any]) -> None:
        self.path = path
        of = json.dumps([[list(task) for task in tasks], source], sort_keys=True)
        self._manifest: dict[str, Any] = {
            "format": FORMAT,
            "id": hashlib.sha256(of.encode()).hexdigest()[:32],
            "complete": False,
            "tasks": [task._asdict() for task in tasks],
            "source": dict(source),
            "shards": [],
        }
        self.layout = Layout(
            self._manifest["id"], max(task.obs_dim for task in tasks), max(task.act_dim for task in tasks)
        )
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = open(path / LOCK, "a")  # noqa: SIM115 (held until close)
            self._acquire()
            self._take_up()
        except OSError as error:
            raise self._refused(error) from error

    @property
    def complete(self) -> bool:
        """Whether it is finished."""
        return bool(self._manifest["complete"])

    @property
    def episodes(self) -> int:
        """How many are written."""
        return sum(int(shard["episodes"]) for shard in self._manifest["shards"])

    def has(self, piece: str) -> bool:
        """Whether the shard of that piece is written."""
        return any(shard["piece"] == piece for shard in self._manifest["shards"])

    def write(self, piece: str, episodes: Iterable[Episode]) -> None:
        """The shard of a piece. Nothing is left of it where this fails.

        Raises:
            UserError: the disk refuses.
        """
        number, index, rows = len(self._manifest["shards"]), [], 0
        file = self.path / f"{number:05d}.rows"
        temporary = file.with_suffix(".tmp")
        try:
            with open(temporary, "wb") as out:
                for episode in episodes:
                    words = self.layout.pack(episode)
                    self.layout.seal(words, number, rows)
                    out.write(words.tobytes())
                    returned = float(episode.reward.astype(np.float64).sum())
                    index.append((rows, len(words), episode.task, returned))
                    rows += len(words)
                out.flush()
                os.fsync(out.fileno())
            content = np.array(index, dtype=INDEX).tobytes()
            file.with_suffix(".episodes").write_bytes(content)
            os.replace(temporary, file)
            self._manifest["shards"].append(
                {
                    "piece": piece,
                    "file": file.name,
                    "episodes": len(index),
                    "rows": rows,
                    "index": hashlib.sha256(content).hexdigest(),
                }
            )
            self._save()
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise self._refused(error) from error

    def finish(self) -> None:
        """All pieces are written: the store may be read."""
        self._manifest["complete"] = True
        try:
            self._save()
        except OSError as error:
            raise self._refused(error) from error

    def close(self) -> None:
        """Let another process write here."""
        self._lock.close()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _acquire(self) -> None:
        """The lock ends with the process, however that ends."""
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"another process is writing {self.path}; wait for it") from None

    def _take_up(self) -> None:
        if not (self.path / MANIFEST).exists():
            own = (".tmp", ".rows", ".episodes")
            others = [
                item.name for item in self.path.iterdir() if item.suffix not in own and item.name != LOCK
            ]
            if others:
                raise UserError(
                    f"{self.path} holds other things ({sorted(others)[0]}); choose another folder"
                )
            self._save()
            return
        before = read_manifest(self.path)
        if before["id"] != self._manifest["id"]:
            raise UserError(f"{self.path} holds a store made otherwise; choose another folder, or delete it")
        self._manifest = before

    def _save(self) -> None:
        replace_text(self.path / MANIFEST, json.dumps(self._manifest, indent=1) + "\n")

    def _refused(self, error: OSError) -> UserError:
        return UserError(
            f"cannot write the store {self.path}: {error.strerror or error}; the shards that are whole are "
            f"kept; {remedy(error)} and run the same command again"
        )


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of the store in ``path``, its parts of the right types.

    Raises:
        UserError: there is none, or it is damaged or of another format.
    """
    file = path / MANIFEST
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
        if manifest["format"] != FORMAT:
            raise UserError(
                f"{path} is a store of format {manifest['format']!r}, this is {FORMAT}: make it anew"
            )
        for task in manifest["tasks"]:
            Task(str(task["name"]), int(task["obs_dim"]), int(task["act_dim"]))
        for shard in manifest["shards"]:
            _ = str(shard["piece"]), str(shard["file"]), str(shard["index"])
            _ = int(shard["rows"]), int(shard["episodes"])
        _ = str(manifest["id"]), bool(manifest["complete"]), manifest["source"]
    except OSError as error:
        raise UserError(
            f"{path} is no store: {MANIFEST}: {error.strerror or error}; `pwm data` makes one"
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{file} is damaged ({reason}); make the store anew, or take a copy of it") from error
    return dict(manifest)
