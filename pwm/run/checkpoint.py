"""Checkpoints of a run: written atomically, the last two and the best kept.

A checkpoint of epoch ``E`` is ``epoch-E.pt`` and, where the state holds a ``replay``, ``replay-E.pt`` (the
larger part, which only resuming needs); of several processes each writes its own, ``replay-E-1.pt`` and so
on, and ``epoch-E.pt`` comes last. They belong together, so that falling back to the checkpoint before the
newest resumes as exactly as the newest does. ``best.pt`` is a second name of the checkpoint with the highest
score, without its replay, and ``best.json`` holds that score.

The folder's size is bounded by three states and two replays, and while saving by one more of each.
At 48M a state is about 0.25 GB (parameters and two Adam moments) and a replay of 1,000,000 Ant
transitions about 0.35 GB: 1.5 GB, at most 2.1 GB while saving.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import re
import resource
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pwm.errors import UserError
from pwm.files import remedy, replace_text

KEPT = 2
REPLAY = "replay"
LONGEST_REASON = 200  # characters
UNCHECKED = (REPLAY, "env")
"""Parts of a state that may hold non-finite numbers: rows never written, a simulation that diverged."""
PLAIN = (bool, int, float, str, bytes, type(None))


class Checkpoints:
    """The checkpoints in ``folder``, as process ``rank`` of a run sees them: the main one, 0, saves all but
    the others' replays.

    Attributes:
        warnings: one line for each checkpoint that could not be read by the last load.
    """

    def __init__(self, folder: Path, rank: int = 0) -> None:
        self.folder, self.rank = folder, rank
        self.warnings: list[str] = []

    def epochs(self) -> list[int]:
        """The epochs there is a checkpoint of, ascending."""
        names = (re.fullmatch(r"epoch-(\d+)\.pt", path.name) for path in self.folder.glob("epoch-*.pt"))
        return sorted(int(match[1]) for match in names if match)

    def save(self, state: dict[str, Any], epoch: int, score: float | None = None, processes: int = 1) -> None:
        """Write ``state`` (nested dicts and lists of tensors and plain values) as the checkpoint after
        ``epoch``. It replaces ``best.pt`` if ``score`` is the highest so far; None is no score. Of several
        ``processes`` each has called :meth:`save_replay` before.

        Raises:
            UserError: a tensor is not finite, or the disk refuses. The earlier checkpoints stay.
            TypeError: the state holds something :func:`torch.load` would not read back.
        """
        self._check(state, epoch)
        main = {key: value for key, value in state.items() if key != REPLAY}
        replays = processes if processes > 1 else int(REPLAY in state)
        payload = {"epoch": epoch, "score": score, REPLAY: replays, "state": main}
        with self._refusals(epoch):
            _remove(*self.folder.glob("*.tmp"))
            if REPLAY in state:
                self._write(self._replay(epoch), state[REPLAY])
            self._write(self._path(epoch), payload)
            self._update_best(epoch, score)
            self._prune(epoch)

    def save_replay(self, replay: Any, epoch: int) -> None:
        """Write this process's part of the checkpoint after ``epoch``, which :meth:`save` completes.

        Raises:
            UserError: the disk refuses.
        """
        with self._refusals(epoch):
            self._write(self._replay(epoch, self.rank), replay)

    def discard(self, epoch: int) -> None:
        """Remove this process's part of a checkpoint that was not completed."""
        if not self._path(epoch).exists():
            _remove(self._replay(epoch, self.rank))

    @contextlib.contextmanager
    def _refusals(self, epoch: int) -> Iterator[None]:
        """Where the disk refuses, what was begun within goes, and the error is the user's."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            yield
        except OSError as error:
            mine = [self._path(epoch), self._replay(epoch, self.rank)]
            _remove(*(path.with_name(f"{path.name}.tmp") for path in mine))
            self.discard(epoch)
            raise UserError(
                f"cannot save the checkpoint of epoch {epoch} in {self.folder}: {error.strerror or error}; "
                f"{self.kept()}; {remedy(error)} and run the same command again"
            ) from error

    def load_latest(self, replay: bool = True, until: int | None = None) -> tuple[dict[str, Any], int] | None:
        """The newest readable checkpoint's state (tensors on the CPU) and epoch, none after ``until`` if that
        is given; None if there is none at all. The replay is this process's own, or with ``replay=False``
        left unread. A checkpoint that cannot be read is passed over for the one before it and named in
        :attr:`warnings`.

        Raises:
            UserError: there are checkpoints, and none can be read.
        """
        self.warnings = []
        for epoch in reversed([epoch for epoch in self.epochs() if until is None or epoch <= until]):
            try:
                payload = _read(self._path(epoch))
                state = payload["state"]
                if replay and payload[REPLAY]:  # one for all processes, or each its own
                    state[REPLAY] = _read(self._replay(epoch, self.rank if payload[REPLAY] > 1 else 0))
                return state, epoch
            except _Unreadable as error:
                self.warnings.append(f"checkpoint of epoch {epoch} passed over: {error}")
        if self.warnings:
            raise UserError(
                f"no checkpoint in {self.folder} can be read ({'; '.join(self.warnings)}); "
                "choose another run=<folder>, or delete this one to start over"
            )
        return None

    def all(self) -> list[tuple[int, dict[str, Any]]]:
        """Epoch and state (without replay, tensors on the CPU) of every checkpoint that can be read, the best
        one included, ascending."""
        states: dict[int, dict[str, Any]] = {}
        for path in [*map(self._path, self.epochs()), self._best]:
            with contextlib.suppress(_Unreadable):
                payload = _read(path)
                states[payload["epoch"]] = payload["state"]
        return sorted(states.items())

    def load_best(self) -> tuple[dict[str, Any], int] | None:
        """The state (without replay, tensors on the CPU) and epoch of the best checkpoint; None if no
        checkpoint had a score.

        Raises:
            UserError: ``best.pt`` cannot be read.
        """
        if not self._best.exists():
            return None
        try:
            payload = _read(self._best)
        except _Unreadable as error:
            raise UserError(f"the best checkpoint cannot be read: {error}; load the latest one") from error
        return payload["state"], payload["epoch"]

    @property
    def _best(self) -> Path:
        return self.folder / "best.pt"

    @property
    def _score(self) -> Path:
        return self.folder / "best.json"

    def _path(self, epoch: int) -> Path:
        return self.folder / f"epoch-{epoch}.pt"

    def _replay(self, epoch: int, rank: int = 0) -> Path:
        return self.folder / (f"replay-{epoch}-{rank}.pt" if rank else f"replay-{epoch}.pt")

    def kept(self) -> str:
        """Which checkpoint there is to go back to, in words."""
        epochs = self.epochs()
        return f"the checkpoint of epoch {epochs[-1]} is kept" if epochs else "there is no earlier checkpoint"

    def _check(self, state: dict[str, Any], epoch: int) -> None:
        tensors: dict[str, Tensor] = {}
        for name, leaf in _leaves(state):
            if not isinstance(leaf, (Tensor, *PLAIN)):
                raise TypeError(f"{name} is a {type(leaf).__name__}: a state holds tensors and plain values")
            checked = name.split(".")[0] not in UNCHECKED
            if checked and isinstance(leaf, Tensor) and leaf.is_floating_point():
                tensors[name] = leaf
        finite = {name: tensor.detach().isfinite().all().cpu() for name, tensor in tensors.items()}
        wrong = [name for name, good in finite.items() if not good]
        if wrong:
            raise UserError(f"{wrong[0]} is not finite after epoch {epoch}: not saved; {self.kept()}")

    def _write(self, path: Path, content: Any) -> None:
        temporary = path.with_name(f"{path.name}.tmp")
        with open(temporary, "wb") as file:
            try:
                torch.save(content, file)
            except RuntimeError as error:  # how torch's writer reports that a write came up short
                bounded = resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY
                number = errno.EFBIG if bounded else errno.ENOSPC
                raise OSError(number, os.strerror(number)) from error
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(self.folder)

    def _update_best(self, epoch: int, score: float | None) -> None:
        if score is None or math.isnan(score):
            return
        best = self._best_score()
        if best is not None and score <= best:
            return
        link = self._best.with_name("best.pt.tmp")
        try:
            os.link(self._path(epoch), link)
        except OSError:  # a file system without hard links
            link.write_bytes(self._path(epoch).read_bytes())
        os.replace(link, self._best)
        self._keep_score(score)

    def _best_score(self) -> float | None:
        """The score of ``best.pt``, by the file beside it as long as that is of this very ``best.pt``; else
        it is read whole. None where there is none that can be read."""
        if not self._best.exists():
            return None
        try:
            kept = json.loads(self._score.read_text(encoding="utf-8"))
            if kept["file"] == _stamp(self._best):
                return float(kept["score"])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        try:
            score = float(_read(self._best)["score"])
        except _Unreadable:
            return None
        self._keep_score(score)
        return score

    def _keep_score(self, score: float) -> None:
        replace_text(self._score, json.dumps({"score": score, "file": _stamp(self._best)}))

    def _prune(self, epoch: int) -> None:
        """Keep ``epoch`` and those just before it. A later one was unreadable, or this run would have
        resumed from it."""
        keep = [e for e in self.epochs() if e <= epoch][-KEPT:]
        for path in self.folder.glob("*.pt"):
            named = re.fullmatch(r"(?:epoch|replay)-(\d+)(?:-\d+)?\.pt", path.name)
            if named and int(named[1]) not in keep:
                _remove(path)


MISFITS = (KeyError, RuntimeError, ValueError, TypeError, IndexError, AttributeError)
"""What loading a state into something of another shape raises."""


def misfit(error: BaseException) -> str:
    """The first thing that did not fit, in one line of bounded length."""
    if isinstance(error, KeyError):
        return f"it lacks {error}"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    telling = [line for line in lines[1:] if "mismatch" in line or "key(s)" in line]
    return (telling or lines)[0][:LONGEST_REASON]


class _Unreadable(Exception):
    """A file that is missing, truncated or corrupt; the message names it and says which."""


def _read(path: Path) -> Any:
    """What :meth:`Checkpoints._write` wrote to ``path``, every byte's checksum verified."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(f"checksum of {damaged}")
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise _Unreadable(f"{path.name} is missing") from error
    except Exception as error:  # a damaged archive raises almost anything
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise _Unreadable(f"{path.name} is corrupt ({reason})") from error


def _stamp(path: Path) -> list[int]:
    """What changes when a file is written anew: its size and the time."""
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns]


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{name}.{index}")
    else:
        yield name, value


def _remove(*paths: Path) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make renames durable; not every file system lets a folder be synced."""
    descriptor = os.open(folder, os.O_RDONLY)
    with contextlib.suppress(OSError):
        os.fsync(descriptor)
    os.close(descriptor)
