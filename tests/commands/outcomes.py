"""What a run came to, for comparing runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from pwm.run.checkpoint import Checkpoints


def rows(folder: Path) -> list[dict[str, Any]]:
    """The metrics but for the times."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    timing = ("seconds", "fps")
    return [{k: v for k, v in json.loads(x).items() if not k.startswith(timing)} for x in lines]


def agent(folder: Path) -> dict[str, torch.Tensor]:
    """The networks and statistics of the newest checkpoint."""
    loaded = Checkpoints(folder / "checkpoints").load_latest()
    assert loaded is not None
    state: dict[str, torch.Tensor] = loaded[0]["agent"]
    return state


def assert_same(a: Path, b: Path) -> None:
    """Both have the same metrics and the same agent, to the last bit."""
    assert rows(a) == rows(b)
    first, second = agent(a), agent(b)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
