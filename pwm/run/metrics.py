"""What a run reports: ``metrics.jsonl`` (the source of truth), ``train.log`` and the terminal."""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
import sys
import time
from collections.abc import Mapping
from io import FileIO
from pathlib import Path
from typing import Any, TextIO

from pwm.errors import UserError
from pwm.files import remedy
from pwm.run.folder import RunFolder
from pwm.run.screen import Screen

FIELDS = (
    ("R", "R", ".2f"),
    ("T", "episode_length", ".1f"),
    ("H", "horizon", ".1f"),
    ("S", "env_steps", ".0f"),
    ("FPS", "fps", ".0f"),
    ("pi_loss", "pi_loss", ".2f"),
    ("v_loss", "v_loss", ".2f"),
    ("wm_loss", "wm_loss", ".2f"),
    ("rew_loss", "rew_loss", ".2f"),
    ("dyn_loss", "dyn_loss", ".2f"),
)
"""Label in the log line, key in the row, format."""
OFFLINE_FIELDS = (
    ("updates", "updates", ".0f"),
    *(field for field in FIELDS if field[0].endswith("_loss")),
    ("imagined", "imagined_reward", ".3f"),
    ("eval_R", "eval_R", ".1f"),
    ("eval_wm_loss", "eval_wm_loss", ".3f"),
)
"""The same where nothing is collected: as far as the row has them."""

BAR = 16
LARGEST = 1e15
"""No return, count or second of a run is larger: such a number is damage, and sums of it overflow."""


def format_line(row: Mapping[str, Any]) -> str:
    """The training-log line of ``row``; what the row of an online training lacks is ``nan``.

    >>> format_line({"epoch": 3, "max_epochs": 9, "R": -1.5})[:20]
    '[3/9]  R:-1.50  T:na'
    """
    fields = FIELDS if "R" in row else [field for field in OFFLINE_FIELDS if field[1] in row]
    values = ((label, row.get(key), spec) for label, key, spec in fields)
    shown = (f"{label}:{number(value):{spec}}" for label, value, spec in values)
    return "  ".join([f"[{row['epoch']}/{row['max_epochs']}]", *shown])


class MetricsWriter:
    """Appends rows to a run's metrics, flushed to disk one by one, and shows them.

    Starting to write drops the rows after ``epoch``, the one the run resumes from (0: a new run), and
    a last line half written when a process was killed: no epoch is missing and none is there twice.

    On a terminal the rows become a progress bar, elsewhere the lines of the log.
    """

    def __init__(self, folder: RunFolder, epoch: int, stream: TextIO | None = None) -> None:
        self._screen = Screen(stream or sys.stdout)
        self._bar = ProgressBar(self._screen, epoch) if self._screen.isatty() else None
        _drop_after(folder.metrics, epoch)
        try:
            # Unbuffered: what a full disk refused must not be tried again by close.
            self._metrics = open(folder.metrics, "ab", buffering=0)  # noqa: SIM115 (held until close)
            self._log = open(folder.log, "ab", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise _refused(folder.path, error) from error

    def write(self, row: Mapping[str, Any]) -> None:
        """Append ``row`` (plain numbers, strings and dicts of them; nan and infinities become null). It
        has ``epoch``, ``max_epochs`` and whatever :data:`FIELDS` name.

        Raises:
            UserError: the disk refuses.
        """
        line = format_line(row)
        self._append(self._metrics, json.dumps(jsonable(row), allow_nan=False))
        self._append(self._log, line)
        if self._bar is not None:
            self._bar.update(row)
        else:
            self._screen.write(f"{line}\n")

    def message(self, text: str) -> None:
        """Show one line about the run, and keep it in the log."""
        self._append(self._log, text)
        if self._bar is not None:
            self._bar.clear()
        self._screen.write(f"{text}\n")

    def close(self) -> None:
        """End the bar and the files."""
        if self._bar is not None:
            self._bar.end()
        self._metrics.close()
        self._log.close()

    def __enter__(self) -> MetricsWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @staticmethod
    def _append(file: FileIO, line: str) -> None:
        data = f"{line}\n".encode()
        try:
            if file.write(data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file.fileno())
        except OSError as error:
            raise _refused(Path(str(file.name)), error) from error


class ProgressBar:
    """One line of a terminal, drawn again and again: ``[####    ] 12/40  R:1.2  T:3.4  2.10 epochs/s …``."""

    def __init__(self, screen: Screen, epoch: int) -> None:
        self._screen = screen
        self._first, self._started = epoch, time.monotonic()

    def update(self, row: Mapping[str, Any]) -> None:
        """Show the epoch that ``row`` reports."""
        epoch, total = row["epoch"], row["max_epochs"]
        rate = (epoch - self._first) / max(time.monotonic() - self._started, 1e-9)
        left = f"{int((total - epoch) / rate)}" if rate > 0 else "?"
        done = "#" * (BAR * epoch // total)
        values = "  ".join(format_line(row).split("  ")[1:3])
        self.clear()
        line = f"[{done:<{BAR}}] {epoch}/{total}  {values}  {rate:.2f} epochs/s  {left} s left"
        self._screen.write(line[: shutil.get_terminal_size().columns - 1])

    def clear(self) -> None:
        """Make room for a line of text."""
        self._screen.write("\r\x1b[K")

    def end(self) -> None:
        """Leave the bar where it is and begin a new line."""
        self._screen.write("\n")


def parse_row(line: str | bytes) -> dict[str, Any] | None:
    """The row that a line of a ``metrics.jsonl`` holds; None where it is not a whole one."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) and whole(row.get("epoch")) is not None else None


def number(value: Any) -> float:
    """A value of a row as a float: nan for null, and for whatever else is no number or no plausible one."""
    known = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= LARGEST
    return float(value) if known else math.nan


def whole(value: Any) -> int | None:
    """A value of a row as a count; None for whatever else."""
    known = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST
    return int(value) if known else None


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The rows of a ``metrics.jsonl``, without a line half written; empty where there is no file.

    Raises:
        OSError: it cannot be read.
    """
    if not path.is_file():
        return []
    rows = (parse_row(line) for line in path.read_text(encoding="utf-8", errors="replace").splitlines())
    return [row for row in rows if row is not None]


def _drop_after(path: Path, epoch: int) -> None:
    if not path.exists():
        return
    kept = [row for row in read_metrics(path) if row["epoch"] <= epoch]
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        temporary.write_text("".join(f"{json.dumps(row)}\n" for row in kept), encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        raise _refused(path, error) from error


def jsonable(value: Any) -> Any:
    """``value`` (numbers, strings, mappings and lists) as JSON has it, null for nan."""
    if isinstance(value, Mapping):
        return {key: jsonable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [jsonable(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _refused(path: Path, error: OSError) -> UserError:
    return UserError(
        f"cannot write {path}: {error.strerror or error}; the last checkpoint is kept; "
        f"{remedy(error)} and run the same command again"
    )
