"""Asking a running job to stop at the end of its epoch."""

from __future__ import annotations

import signal
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2)
FROM_SLURM = (signal.SIGTERM, signal.SIGUSR2)
"""Those that Slurm sends to every process of a job step, helpers of the trainer included."""
STOPPED = 75
"""Exit code of a run that was asked to stop and saved where it was (EX_TEMPFAIL: start it again)."""


def spare() -> None:
    """From here on :data:`FROM_SLURM` are ignored, also by the programs that this process starts."""
    for number in FROM_SLURM:
        signal.signal(number, signal.SIG_IGN)


def heed() -> None:
    """End :func:`spare`: until a run answers them, they are deadly."""
    for number in FROM_SLURM:
        signal.signal(number, signal.SIG_DFL)


class Dropped(Exception):
    """Work was given up in the middle because a stop was asked for."""


class StopRequest:
    """True once one of :data:`STOP_SIGNALS` arrived. A second Ctrl-C interrupts at once."""

    def __init__(self) -> None:
        self.signal: str | None = None
        for number in STOP_SIGNALS:
            signal.signal(number, self._remember)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = signal.Signals(number).name

    def __bool__(self) -> bool:
        return self.signal is not None
