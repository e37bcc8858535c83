"""The tables of environments in the documentation say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pwm.envs import DRAWABLE, make
from pwm.envs.scores import SCALES

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", DRAWABLE)
def test_sizes_and_lengths(name: str) -> None:
    env = make(name, num_envs=1)
    row = re.search(rf"^\| `{name}` \| (\d+) \| (\d+) \w+ \| (\d+) \|", (DOCS / "dflex.md").read_text(), re.M)
    assert row is not None
    assert [int(cell) for cell in row.groups()] == [env.obs_dim, env.act_dim, int(env.episode_length[0])]


def test_scales_of_scores() -> None:
    page = (DOCS / "running.md").read_text()
    header, _, low, high = (
        [cell.strip() for cell in line.split("|")[2:-1]]
        for line in page[page.index("| | hopper") :].splitlines()[:4]
    )
    found = {
        name: tuple(float(cell.replace(",", "")) for cell in cells)
        for name, *cells in zip(header, low, high, strict=True)
    }
    assert found == SCALES
