"""Reads what runs leave behind: training logs of any condition, and the metrics of run folders.

A log may have been cut off, written by several processes at once, overwritten by a progress bar or filled
with anything else; what can be read is read and the rest is passed over.
"""

from __future__ import annotations

import codecs
import contextlib
import gzip
import io
import math
import re
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import IO, cast

from pwm.errors import UserError
from pwm.run import metrics
from pwm.run.folder import RunFolder

LOG_NAME = re.compile(r"train_(?P<size>[^_]+)_(?P<experiment>.+?)_(?P<job>\d+)(?:_\d+)*\.out")
RUN_NAME = re.compile(r"(?P<experiment>.+?)(?:-s\d+)?")
GZIP, UTF_16 = b"\x1f\x8b", (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
NUMBER = r"[-+]?(?:nan|inf|\d+\.?\d*(?:e[-+]?\d+)?)"
# A number that the end of the file or another process's line cuts off would be a wrong number: it counts
# only before white space, or with both its decimals.
RETURN = re.compile(
    rf"(?:\[\s*(?P<epoch>\d+)/(?P<epochs>\d+)\]\s*)?(?<!\w)R:(?P<R>{NUMBER})(?:(?=\s)|(?<=\.\d\d)\Z)", re.I
)
STEPS = re.compile(r"(?<!\w)S:(\d+)(?=\s)")
CLOCKS_S = 300.0  # that a file server may be ahead of this machine
DIGITS = 20  # of a number that is no count
LONGEST_LINE = 1 << 16  # characters; a binary file may hold no line end at all


@dataclass(frozen=True)
class Point:
    """One logging interval: the return ``R`` (nan where none was known) and where it was reached."""

    R: float
    epoch: int | None = None
    epochs: int | None = None
    env_steps: int | None = None
    forward_velocity: float = math.nan  # m/s
    tasks: Mapping[str, float] = field(default_factory=dict)
    """Of several, each one's return; ``R`` is a score then."""


@dataclass(frozen=True)
class Source:
    """A training log, a file of metrics or a run folder, and the experiment it belongs to."""

    experiment: str
    path: Path
    age: tuple[float, int]  # greater is newer: time of the last change, then job id
    setting: str = ""  # environment and size, of a run folder

    def points(self) -> list[Point]:
        """Every logging interval in the order written. Raises OSError where it cannot be read."""
        if not self.path.is_dir():
            return list((read_metrics if self.path.suffix == ".jsonl" else read_log)(self.path))
        folder = RunFolder(self.path)
        points = list(read_metrics(folder.metrics)) if folder.metrics.is_file() else []
        return points or (list(read_log(folder.log)) if folder.log.is_file() else [])


def read_log(path: Path) -> Iterator[Point]:
    """The returns in a text log, whatever else is in it; also of one in UTF-16 or compressed by gzip."""
    with path.open("rb") as file:
        start = file.read(2)
        file.seek(0)
        content = cast(IO[bytes], gzip.GzipFile(fileobj=file)) if start == GZIP else file
        encoding = "utf-16" if start in UTF_16 else "utf-8"
        # Any line end, a lone \r included.
        text = io.TextIOWrapper(content, encoding=encoding, errors="replace")
        try:
            while line := text.readline(LONGEST_LINE):
                if "R:" in line:
                    yield from _points_in(ANSI.sub("", line))
        except (EOFError, zlib.error):  # a compressed file that was cut off
            return


def read_metrics(path: Path) -> Iterator[Point]:
    """The returns in a ``metrics.jsonl``; lines that are not whole rows are passed over."""
    for row in metrics.read_metrics(path):
        if "R" in row:
            yield Point(
                R=metrics.number(row["R"]),
                epoch=metrics.whole(row["epoch"]),
                epochs=metrics.whole(row.get("max_epochs")),
                env_steps=metrics.whole(row.get("env_steps")),
                forward_velocity=metrics.number(row.get("forward_velocity")),
                tasks={key[2:]: metrics.number(row[key]) for key in row if key.startswith("R_")},
            )


def changed(path: Path) -> float:
    """When ``path`` was last written to, as the clock counts seconds; 0 where that cannot be known, or lies
    in the future."""
    try:
        seconds = path.stat().st_mtime
    except OSError:
        return 0.0
    return seconds if seconds < time.time() + CLOCKS_S else 0.0


def peak(points: list[Point]) -> Point | None:
    """The first point with the highest finite return; None where no return is finite."""
    finite = [point for point in points if math.isfinite(point.R)]
    return max(finite, key=lambda point: point.R, default=None)


def log_source(path: Path) -> Source:
    """The source of one log file; a name of another form than ``train_48M_<name>_<job id>.out`` stands for
    an experiment of its own, a file in a run folder for that folder."""
    if is_run_folder(path.parent):
        return run_source(path.parent)
    named = LOG_NAME.fullmatch(path.name)
    experiment, job = (named["experiment"], int(named["job"])) if named else (path.stem, 0)
    return Source(experiment, path, (changed(path), job))


def run_source(path: Path) -> Source:
    """The source of one run folder, named after its configuration or else after the folder."""
    named = RUN_NAME.fullmatch(path.name)
    experiment, setting = named["experiment"] if named else path.name, ""
    with contextlib.suppress(UserError, RecursionError):
        config = RunFolder(path).config()
        experiment, setting = config.name, f"{'+'.join(config.tasks)}, {config.model_size}"
    return Source(experiment, path, (max(changed(file) for file in _records(path)), 0), setting)


def named(paths: Iterable[Path]) -> list[Source]:
    """What somebody means who names ``paths``: a run folder, a folder of run folders or logs, a log, or a
    file of a run folder, which stands for the run. Each once.

    Raises:
        UserError: there is no such path, or nothing of the kind in it.
    """
    found: dict[Path, Source] = {}
    for path in paths:
        if not path.exists():
            raise UserError(f"no file or folder {str(path)!r}; name run folders, logs, or folders of them")
        logs = [path] if not path.is_dir() else any_logs(path)
        sources = (path.is_dir() and find(path, path)) or [log_source(log) for log in logs]
        if not sources:
            raise UserError(f"{path} holds neither run folders nor logs; name a folder that does, or a file")
        found |= {source.path.resolve(): source for source in sources}
    return list(found.values())


def find(logs: Path | None, runs: Path | None) -> list[Source]:
    """The logs directly in ``logs`` and the run folders that ``runs`` is or directly holds.

    Raises:
        UserError: a folder cannot be read.
    """
    found = []
    if logs and logs.is_dir():
        found += [log_source(path) for path in entries(logs) if LOG_NAME.fullmatch(path.name)]
    if runs and runs.is_dir():
        found += [run_source(path) for path in (runs, *entries(runs)) if is_run_folder(path)]
    return found


def entries(folder: Path) -> list[Path]:
    """What lies in ``folder``, sorted.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise UserError(f"cannot read the folder {folder}: {error.strerror}") from error


def any_logs(folder: Path) -> list[Path]:
    """The logs in ``folder``, whatever they are called."""
    return [path for path in entries(folder) if path.suffix in (".out", ".log")]


def is_run_folder(path: Path) -> bool:
    """Whether ``path`` holds metrics or a training log under the names of a run folder."""
    return bool(_records(path))


def _records(path: Path) -> list[Path]:
    folder = RunFolder(path)
    return [file for file in (folder.metrics, folder.log) if file.is_file()]


def _points_in(line: str) -> Iterator[Point]:
    found = list(RETURN.finditer(line))
    for match, following in zip_longest(found, found[1:]):
        end = following.start() if following else len(line)
        steps = STEPS.search(line, match.end(), end)
        yield Point(
            R=metrics.number(float(match["R"])),
            epoch=_count(match["epoch"]),
            epochs=_count(match["epochs"]),
            env_steps=_count(steps[1] if steps else None),
        )


def _count(text: str | None) -> int | None:
    return None if text is None else metrics.whole(int(text)) if len(text) < DIGITS else None
