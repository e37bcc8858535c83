"""What all tests share."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from accelerate.state import AcceleratorState

# Started by `nohup` or in the background of a script, they and all that they start would ignore what tests
# send: a run leaves ignored what whoever started it had ignored.
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR2):
    if signal.getsignal(number) is signal.SIG_IGN:
        default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, default)


@pytest.fixture
def fresh_accelerator() -> Iterator[None]:
    """accelerate keeps the first device and precision of a process; a training process has only one."""
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)
