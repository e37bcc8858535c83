"""Asking a running job to stop at the end of its epoch."""

from __future__ import annotations

import os
import signal
import time
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2, signal.SIGHUP)
FROM_SLURM = (signal.SIGTERM, signal.SIGUSR2)
"""Those that Slurm sends to every process of a job step, helpers of the trainer included."""
STOPPED = 75
"""Exit code of a run that was asked to stop and saved where it was (EX_TEMPFAIL: start it again)."""
SPARED = "PWM_SPARED"
"""Environment variable: the signals that :func:`spare` had ignored, for who is to heed them again."""
LAUNCHER = "PWM_LAUNCHER"
"""Environment variable: the process that started this one's peers and waits for them."""
LOOK_S = 1.0
"""How often a run looks whether its launcher is still there."""


def ignored(number: signal.Signals) -> bool:
    """Whether who started this process had it ignore a signal (``nohup``, a background job of a script): it
    stays so."""
    return signal.getsignal(number) is signal.SIG_IGN


def spared() -> dict[str, str]:
    """The environment that tells a process started with :func:`spare` what to :func:`heed`."""
    return {SPARED: " ".join(str(int(number)) for number in FROM_SLURM if not ignored(number))}


def spare() -> None:
    """From here on :data:`FROM_SLURM` are ignored, also by the programs that this process starts."""
    for number in FROM_SLURM:
        signal.signal(number, signal.SIG_IGN)


def heed() -> None:
    """End :func:`spare`: until a run answers them, they are deadly."""
    for number in os.environ.pop(SPARED, "").split():
        signal.signal(int(number), signal.SIG_DFL)


def launcher_is_gone() -> bool:
    """Whether the process that started this one's peers has ended, and nobody else asks them to stop."""
    if LAUNCHER not in os.environ:
        return False
    try:
        os.kill(int(os.environ[LAUNCHER]), 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass
    return False


class Dropped(Exception):
    """Work was given up in the middle because a stop was asked for."""


class StopRequest:
    """True once one of :data:`STOP_SIGNALS` arrived, or the launcher has ended. A second Ctrl-C interrupts at
    once. A signal that is :func:`ignored` stays so."""

    def __init__(self) -> None:
        self.signal: str | None = None
        self._looked = time.monotonic()
        for number in STOP_SIGNALS:
            if not ignored(number):
                signal.signal(number, self._remember)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = signal.Signals(number).name

    def __bool__(self) -> bool:
        if self.signal is None and time.monotonic() > self._looked + LOOK_S:
            self._looked = time.monotonic()
            if launcher_is_gone():
                self.signal = "the end of its launcher"
        return self.signal is not None
