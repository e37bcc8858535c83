"""Random generators that are taken from one kind of device to another."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor


def resume(generator: torch.Generator, state: Tensor) -> None:
    """Let ``generator`` go on from ``state``. That of a generator on another kind of device cannot be taken
    over: it gives the seed to begin anew with."""
    state = state.cpu()
    if state.shape == generator.get_state().shape:
        generator.set_state(state)
    else:
        generator.manual_seed(seed_from(state))


def seed_from(state: Tensor) -> int:
    """The seed that stands for a generator's ``state``: always the same one, and not that of a beginning."""
    return int.from_bytes(hashlib.sha256(state.cpu().numpy().tobytes()).digest()[:7], "big")
