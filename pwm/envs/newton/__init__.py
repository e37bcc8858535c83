"""Environments simulated by Warp kernels on Newton models. Importing it imports Newton (about 2 s)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import warp

from pwm.errors import UserError


def _initialise_quietly() -> None:
    """Start Warp without its banner and, on a machine without a GPU, without its notice of that.

    The notice goes straight to the process's standard error; failures still raise.
    """
    warp.config.log_level = warp.LOG_ERROR
    if torch.cuda.is_available():
        warp.init()
        return
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            warp.init()
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextmanager
def kernel_cache() -> Iterator[None]:
    """Within, Warp may write to its cache of kernels.

    Raises:
        UserError: it cannot.
    """
    try:
        yield
    except OSError as error:
        folder = (
            error.filename or warp.config.kernel_cache_dir or os.environ.get("WARP_CACHE_PATH", "~/.cache")
        )
        raise UserError(
            f"cannot keep the simulator's kernels in {folder}: {error.strerror or error}; set "
            "WARP_CACHE_PATH to a folder that can be written"
        ) from error


with kernel_cache():
    _initialise_quietly()
