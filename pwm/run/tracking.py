"""Tracking by Weights & Biases, as a copy of ``metrics.jsonl`` that training never waits for.

Another process does the copying (:mod:`pwm.run.wandb_copy`). Whatever becomes of it, of the server or of
the key, training goes on; there is one warning, and ``pwm suite sync`` makes the copy later.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from pwm.interpreter import PYTHON
from pwm.run.folder import RunFolder

CLOSE_SECONDS = 15.0
"""How long the end of a run waits for the last rows to arrive."""


class Tracker(Protocol):
    """Follows the rows of one run."""

    def check(self) -> None:
        """A row was written: see whether it is still being followed."""

    def close(self) -> None:
        """No row will be written any more."""


class NoTracker:
    """Does nothing."""

    def check(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class WandbTracker:
    """Has another process copy the rows of the run in ``folder``, which must exist; ``say`` shows a line."""

    def __init__(self, folder: RunFolder, mode: str, say: Callable[[str], None]) -> None:
        self._say, self._folder, self._warned = say, folder, False
        self._process: subprocess.Popen[bytes] | None = None
        command = [*PYTHON, "-m", "pwm.run.wandb_copy", str(folder.path), mode]
        try:
            with folder.wandb_log.open("wb") as log:
                # A session of its own: Ctrl-C is for the trainer, which then closes it.
                self._process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
                )
        except OSError as error:
            self._warn(str(error.strerror or error))

    def check(self) -> None:
        """Look whether the copying still goes on; never waits."""
        if self._process is not None and self._process.poll() is not None:
            self._warn(_last_line(self._folder.wandb_log))

    def close(self) -> None:
        """Let the last rows arrive, for at most :data:`CLOSE_SECONDS`."""
        process = self._process
        if process is None:
            return
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            if process.wait(CLOSE_SECONDS) != 0:
                self._warn(_last_line(self._folder.wandb_log))
        except subprocess.TimeoutExpired:
            self._warn(f"no answer within {CLOSE_SECONDS:.0f} s")
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)  # W&B's own processes too
        process.wait()

    def _warn(self, reason: str) -> None:
        if not self._warned:
            self._warned = True
            self._say(
                f"warning: not everything reached W&B ({reason}); metrics.jsonl is whole, and "
                "`pwm suite sync` copies it"
            )


def start(mode: str, folder: RunFolder, say: Callable[[str], None]) -> Tracker:
    """The tracker of ``mode`` (``disabled``, ``offline`` or ``online``) for the run in ``folder``."""
    return NoTracker() if mode == "disabled" else WandbTracker(folder, mode, say)


def _last_line(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        lines = []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it ended without a word")
