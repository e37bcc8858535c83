"""What the processes of a run do together."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor

from pwm.errors import UserError

T = TypeVar("T")

SETTLE_S = 0.2
"""For freeing a tensor."""


class Processes:
    """Every method is a collective: all processes call it at the same place, whatever each has found. What
    decides whether one is called has to be decided together, too, or they wait for each other for ever.

    Attributes:
        number: how many there are.
        rank: which of them this is, from 0.
        main: whether it is the one that writes.
    """

    def __init__(self, accelerator: Accelerator) -> None:
        self.number, self.rank = accelerator.num_processes, accelerator.process_index
        self.main = accelerator.is_main_process

    def gather(self, mine: T) -> list[T]:
        """What each process has, in the order of ranks; tensors come on the CPU."""
        return list(gather_object([on_cpu(mine)])) if self.number > 1 else [mine]

    def any(self, mine: bool) -> bool:
        """Whether it is so on any of them."""
        return any(self.gather(mine))

    def settle(self) -> None:
        """Let the threads that gathered let go of what was gathered: where Python has ended meanwhile, Gloo's
        abort the process (they need its lock to free a tensor, and get it only while this thread waits)."""
        if self.number > 1:
            time.sleep(SETTLE_S)

    def agree(self, work: Callable[[], T]) -> T:
        """What ``work()``, which is no collective, returns here.

        Raises:
            UserError: it failed so, here or on another process: the same on all.
        """
        result: Any = None
        error: UserError | None = None
        try:
            result = work()
        except UserError as raised:
            error = raised
        errors = [found for found in self.gather(error) if found is not None]
        if errors:
            raise errors[0]
        return cast(T, result)


def on_cpu(value: Any, copy: bool = False) -> Any:
    """``value`` (tensors in dicts, lists and tuples) with its tensors on the CPU; with ``copy`` they share
    nothing with the given ones."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=copy)
    if isinstance(value, dict):
        return {key: on_cpu(item, copy) for key, item in value.items()}
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(on_cpu(item, copy) for item in value)
    return value
