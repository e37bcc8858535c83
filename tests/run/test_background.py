"""A checkpoint is written while the training goes on, and never two at a time."""

from __future__ import annotations

import threading

import pytest

from pwm.run.background import Background


def test_the_caller_goes_on_and_the_next_piece_waits() -> None:
    background, may_end = Background(), threading.Event()
    done: list[str] = []

    def slow() -> None:
        assert may_end.wait(10)
        done.append("first")

    background.start(slow)
    background.check()
    assert not done  # and yet we are here
    may_end.set()
    background.start(lambda: done.append("second"))
    background.join()
    assert done == ["first", "second"]


def test_what_failed_is_raised_once() -> None:
    background = Background()

    def fail() -> None:
        raise OSError("the disk is full")

    background.start(fail)
    with pytest.raises(OSError, match="full"):
        background.join()
    background.check()
    background.start(lambda: None)
    background.join()
