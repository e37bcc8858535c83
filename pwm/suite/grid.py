"""Several runs on this machine, some at a time: each a process and a run folder as everywhere."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NamedTuple

from pwm.interpreter import PYTHON
from pwm.run import metrics
from pwm.run.folder import RunFolder
from pwm.run.signals import LAUNCHER, STOPPED
from pwm.suite.slurm.status import duration

POLL_S = 0.5
REPORT_S = 60.0
"""Between lines on how far all is, where that is no terminal."""
KEPT_LINES = 3
"""Of what a run that failed said last."""


class Cell(NamedTuple):
    """One run."""

    label: str
    words: list[str]
    """After ``pwm``."""
    folder: Path
    epochs: int

    @property
    def fraction(self) -> float:
        """How much of it is done."""
        with contextlib.suppress(OSError):
            rows = metrics.read_metrics(RunFolder(self.folder).metrics)
            return min(1.0, rows[-1]["epoch"] / self.epochs) if rows else 0.0
        return 0.0


class _Running(NamedTuple):
    cell: Cell
    process: subprocess.Popen[bytes]
    said: IO[bytes]
    began: float


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0))


def run(cells: Sequence[Cell], jobs: int) -> dict[str, str]:
    """Run all ``cells``, ``jobs`` at a time, those that are finished left out; returns what those said that
    failed, by label. A run that fails stops no other. Interrupted, all save, and the same call goes on."""
    waiting = deque(cell for cell in cells if cell.fraction < 1.0)
    if len(waiting) < len(cells):
        print(f"{len(cells) - len(waiting)} of {len(cells)} runs are finished already", flush=True)
    failed: dict[str, str] = {}
    running: list[_Running] = []
    show = _Progress(cells)
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                running.append(_start(waiting.popleft(), max(1, cores() // jobs)))
            time.sleep(POLL_S)
            for one in [one for one in running if one.process.poll() is not None]:
                running.remove(one)
                ended = _last_words(one) if one.process.returncode else ""
                one.said.close()
                seconds = time.monotonic() - one.began
                if ended:
                    failed[one.cell.label] = ended
                    show.line(f"{one.cell.label}: failed after {duration(seconds)}: {ended}")
                else:
                    show.line(f"{one.cell.label}: done in {duration(seconds)}")
            show.now([one.cell for one in running])
    except KeyboardInterrupt:  # it reached them, too, and they save
        for one in running:
            one.process.wait()
        raise
    finally:
        show.end()
    return failed


def _start(cell: Cell, threads: int) -> _Running:
    words = list(cell.words)
    if not any(word.startswith("threads=") for word in words):
        words.append(f"threads={threads}")
    said = tempfile.TemporaryFile()  # noqa: SIM115 (read when it ends)
    environment = {**os.environ, LAUNCHER: str(os.getpid()), "OMP_NUM_THREADS": str(threads)}
    process = subprocess.Popen(
        [*PYTHON, "-u", "-m", "pwm", *words], stdout=said, stderr=subprocess.STDOUT, env=environment
    )
    return _Running(cell, process, said, time.monotonic())


def _last_words(one: _Running) -> str:
    if one.process.returncode == STOPPED:
        return "stopped; the same command goes on"
    one.said.seek(0)
    lines = [line for line in one.said.read().decode(errors="replace").splitlines() if line.strip()]
    return " / ".join(lines[-KEPT_LINES:]) or f"exit code {one.process.returncode}"


class _Progress:
    """One line that is drawn again on a terminal; elsewhere a line now and then."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self._cells = cells
        self._began, self._at_start = time.monotonic(), self._done()
        self._terminal, self._next = sys.stdout.isatty(), self._began + REPORT_S

    def _done(self) -> float:
        return sum(cell.fraction for cell in self._cells)

    def now(self, running: list[Cell]) -> None:
        """How far all is."""
        if not self._terminal and time.monotonic() < self._next:
            return
        self._next = time.monotonic() + REPORT_S
        done, total = self._done(), len(self._cells)
        pace = (done - self._at_start) / (time.monotonic() - self._began)
        left = duration((total - done) / pace) if pace > 0 else "?"
        what = ", ".join(f"{cell.label} {cell.fraction:.0%}" for cell in running)
        text = f"{done / total:.0%} of {total} runs, {left} left: {what}"
        if self._terminal:
            text = f"\r\x1b[K{text[: shutil.get_terminal_size().columns - 1]}"
        print(text, end="" if self._terminal else "\n", flush=True)

    def line(self, text: str) -> None:
        """Something that stays."""
        print(f"\r\x1b[K{text}" if self._terminal else text, flush=True)

    def end(self) -> None:
        """No more is to come."""
        if self._terminal:
            print("\r\x1b[K", end="", flush=True)
