"""Environments whose state tests look at and set."""

from __future__ import annotations

from typing import Any

from pwm import envs


def make(name: str, **options: Any) -> Any:
    """:func:`pwm.envs.make`, whose result has more than the interface of all: ``get_state``, say."""
    return envs.make(name, **options)
