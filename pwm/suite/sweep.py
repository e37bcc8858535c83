"""``pwm suite sweep``: submits the cells of a grid in ``configs/sweep`` as ordinary jobs.

The same files are W&B sweeps (``wandb sweep configs/sweep/<name>.yaml``, then ``wandb agent --count 1`` per
cell). Here the grid is enumerated without a server, and the runs are tracked offline: ``pwm suite sync``
copies them to the same W&B groups.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from pathlib import Path
from typing import Any

import yaml

from pwm.arguments import Parser
from pwm.errors import UserError, choose_from
from pwm.suite import cluster_config, submit
from pwm.training.compose import choices, compose, config_dir


def run(argv: list[str]) -> int:
    """Submit every cell of the sweep, or with ``--print`` show its commands.

    Raises:
        UserError: no such sweep, not a grid over alg and seed, or what ``pwm suite submit`` raises.
    """
    parser = Parser(prog="pwm suite sweep", description="Submit the cells of a grid as ordinary jobs.")
    parser.add_argument("name", help=f"one of {', '.join(choices('sweep'))}, or a YAML file")
    cluster_config.add_argument(parser)
    parser.add_argument("--print", action="store_true", help="print the training commands and stop")
    parser.add_argument("--dry-run", action="store_true", help="print the submissions, change nothing")
    args = parser.parse_args(argv)
    cells = grid(load(args.name), args.name)
    for cell in cells:
        compose([f"{key}={value}" for key, value in cell.items()])  # a mistake costs no queueing
    if args.print:
        for cell in cells:
            print(" ".join(["pwm train", *(f"{key}={value}" for key, value in cell.items())]))
        return 0
    for (names, overrides), seeds in _submissions(cells).items():
        flags = [f"--cluster={args.cluster}", f"--seeds={','.join(map(str, seeds))}"]
        submit.run([*names, "tracking=offline", *overrides, *flags, *(["--dry-run"] if args.dry_run else [])])
    return 0


def load(name: str) -> dict[str, Any]:
    """The sweep ``name`` of ``configs/sweep``, or of the YAML file at that path.

    Raises:
        UserError: there is none, or it is not YAML.
    """
    path = Path(name) if name.endswith(".yaml") else config_dir() / "sweep" / f"{name}.yaml"
    if not path.is_file():
        raise choose_from("sweep", name, choices("sweep"))
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    if not isinstance(loaded, dict) or not isinstance(loaded.get("parameters"), dict):
        raise UserError(f"{path}: expected a W&B sweep with parameters")
    return loaded


def grid(sweep: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Every combination of the parameters' values, the last one varying fastest.

    Raises:
        UserError: it is no grid, or has no alg or seed.
    """
    parameters = sweep["parameters"]
    if sweep.get("method") != "grid":
        raise UserError(
            f"sweep {name} is a search ({sweep.get('method')}), which needs a W&B server: wandb sweep"
        )
    missing = [key for key in ("alg", "seed") if key not in parameters]
    if missing:
        raise UserError(f"sweep {name} lacks {' and '.join(missing)} among its parameters")
    values = [item.get("values", [item.get("value")]) for item in parameters.values()]
    return [dict(zip(parameters, cell, strict=True)) for cell in itertools.product(*values)]


def _submissions(cells: list[dict[str, Any]]) -> dict[tuple[tuple[str, ...], tuple[str, ...]], list[int]]:
    """Seeds by experiments and overrides: what one ``pwm suite submit`` takes."""
    seeds: dict[tuple[str, tuple[str, ...]], list[int]] = defaultdict(list)
    for cell in cells:
        rest = tuple(f"{key}={value}" for key, value in cell.items() if key not in ("alg", "seed"))
        seeds[cell["alg"], rest].append(int(cell["seed"]))
    joined: dict[tuple[tuple[str, ...], tuple[int, ...]], tuple[str, ...]] = {}
    for (name, rest), numbers in seeds.items():
        key = (rest, tuple(numbers))
        joined[key] = (*joined.get(key, ()), name)
    return {(names, rest): list(numbers) for (rest, numbers), names in joined.items()}
