"""What is printed, as long as somebody can read it."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TextIO


class Screen:
    """Where a run shows itself while that can be written to. A terminal may be closed, a pipe's reader gone
    or a disk full: the training goes on, and its files have all of it."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._stream is not None and self._stream.isatty()

    def write(self, text: str) -> None:
        """Show ``text``."""
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            if self._stream is sys.stdout:
                discard_output()
            self._stream = None


def discard_output() -> None:
    """Let nothing that is still printed reach standard output, which cannot be written to."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
