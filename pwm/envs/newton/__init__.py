"""Environments simulated by Warp kernels on Newton models. Importing it imports Newton (about 2 s)."""

from __future__ import annotations

import os

import torch
import warp


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


_initialise_quietly()
