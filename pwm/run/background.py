"""Work beside the caller: what takes a disk's time and none of a training's."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class Background:
    """One piece of work at a time, in a thread of its own. Its error is raised by the next call."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pwm-background")
        self._begun: Future[None] | None = None

    def start(self, work: Callable[[], None]) -> None:
        """Begin ``work()``, which must share nothing with the caller, once the one before has ended."""
        self.join()
        self._begun = self._thread.submit(work)

    def check(self) -> None:
        """Raise what made the work fail, if it has ended."""
        if self._begun is not None and self._begun.done():
            self.join()

    def join(self) -> None:
        """Wait for the work to end."""
        begun, self._begun = self._begun, None
        if begun is not None:
            begun.result()
