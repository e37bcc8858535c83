"""Where the suite keeps its runs: ``<runs>/<experiment>-s<seed>``."""

from __future__ import annotations

import re
from pathlib import Path

SEED = re.compile(r"0|[1-9][0-9]*")
"""As the suite writes it; 007 is another folder's."""


def run_folder(runs: str | Path, name: str, seed: int) -> Path:
    """The run folder of one experiment and seed, the one that its batch script uses."""
    return Path(runs) / f"{name}-s{seed}"


def run_folders(runs: Path, names: list[str]) -> dict[tuple[str, int], Path]:
    """The run folders of the experiments ``names`` that exist in ``runs``, by name and seed."""
    found = {}
    for name in names:
        numbers = [path.name.removeprefix(f"{name}-s") for path in runs.glob(f"{name}-s*") if path.is_dir()]
        for seed in sorted(int(number) for number in numbers if SEED.fullmatch(number)):
            found[name, seed] = run_folder(runs, name, seed)
    return found
