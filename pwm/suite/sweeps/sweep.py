"""``pwm suite sweep``: submits a sweep of ``configs/sweep``.

Where there is a key for W&B, as a sweep there: each job draws a cell and trains it, tracked online
(:mod:`pwm.suite.sweeps.agents`). Without one, or with ``--local``, a grid is enumerated here and its cells
are ordinary jobs, tracked offline: ``pwm suite sync`` copies them to the same W&B groups. A key whose server
does not answer is an error: the way that a sweep goes decides where its runs are compared, and must not
depend on how the network was at that moment.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from pathlib import Path
from typing import Any

import yaml

from pwm.arguments import Parser
from pwm.config.compose import choices, compose, config_dir
from pwm.config.types import TrainConfig
from pwm.errors import UserError, choose_from
from pwm.suite.slurm import cluster_config, submit
from pwm.suite.slurm.cluster_config import Cluster
from pwm.suite.sweeps import agents
from pwm.suite.sweeps.wandb_server import log_in

ARGUMENTS = "${args_no_hyphens}"
"""Where W&B puts the parameters of a cell in the command, as key=value."""


def run(argv: list[str]) -> int:
    """Submit every cell of a grid, or so many runs of a search; with ``--print`` show a grid's commands.

    Raises:
        UserError: no such sweep, it cannot be submitted in this way, or W&B or Slurm refuses.
    """
    parser = Parser(
        prog="pwm suite sweep",
        description="Submit a sweep. With a W&B key (WANDB_API_KEY or netrc): create it there and submit one "
        "job per cell, which draws the cell with `wandb agent --count 1` and trains it, tracked online. "
        "Without a key: submit the cells of a grid as ordinary jobs, tracked offline.",
    )
    parser.add_argument("name", help=f"one of {', '.join(choices('sweep'))}, or a YAML file")
    cluster_config.add_argument(parser)
    parser.add_argument("--local", action="store_true", help="without W&B even if there is a key")
    parser.add_argument("--count", type=int, metavar="N", help="how many runs of a search")
    parser.add_argument("--print", action="store_true", help="print the training commands and stop")
    parser.add_argument("--dry-run", action="store_true", help="print the submissions, change nothing")
    args = parser.parse_args(argv)
    sweep, cluster = load(args.name), cluster_config.load(args.cluster)
    if args.print:
        for cell in grid(sweep):
            print(" ".join(["pwm train", *_untracked(sweep), *_words(cell)]))
        return 0
    configs = _configs(sweep, cluster)
    if not args.local and _has_key():
        if sweep["method"] == "grid":
            _check_folders(sweep["name"], configs)
        print("a sweep at W&B, for which there is a key (--local: ordinary jobs)")
        agents.submit(sweep, configs, _count(sweep, args.count), cluster, args.dry_run)
        return 0
    if args.count is not None:
        _count(sweep, args.count)
    cells = grid(sweep)
    _check_folders(sweep["name"], configs)
    reason = "--local" if args.local else "there is no key for W&B (WANDB_API_KEY or netrc)"
    print(f"ordinary jobs, tracked offline: {reason}")
    flags = [f"--cluster={args.cluster}", *(["--dry-run"] if args.dry_run else [])]
    for (names, overrides), seeds in _submissions(cells).items():
        words = [*names, *_untracked(sweep), "tracking=offline", *overrides]
        submit.run([*words, f"--seeds={','.join(map(str, seeds))}", *flags])
    return 0


def load(name: str) -> dict[str, Any]:
    """The sweep ``name`` of ``configs/sweep``, or of the YAML file at that path.

    Raises:
        UserError: there is none, or it is not a sweep of training runs.
    """
    path = Path(name) if name.endswith(".yaml") else config_dir() / "sweep" / f"{name}.yaml"
    if not path.is_file():
        raise choose_from("sweep", name, choices("sweep"))
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    if not (isinstance(loaded, dict) and isinstance(loaded.get("parameters"), dict) and "method" in loaded):
        raise UserError(f"{path}: expected a W&B sweep with a method and parameters")
    command = loaded.get("command")
    if not isinstance(command, list) or command[:2] != ["pwm", "train"] or ARGUMENTS not in command:
        raise UserError(f"{path}: expected the command [pwm, train, …, {ARGUMENTS}]")
    for key, parameter in loaded["parameters"].items():
        _check_parameter(f"{path}: {key}", parameter, loaded["method"] == "grid")
    return {"name": path.stem, **loaded}


def _check_parameter(place: str, parameter: Any, grid: bool) -> None:
    """See that ``parameter`` says what values it may have.

    Raises:
        UserError: it does not.
    """
    if not isinstance(parameter, dict):
        wanted = "{values: [...]}" if isinstance(parameter, list) else "{value: ...}"
        raise UserError(f"{place}: expected {wanted}, got {parameter!r}")
    named = [word for word in ("value", "values") if word in parameter]
    if len(named) > 1 or (grid and not named):
        raise UserError(
            f"{place}: a grid needs value or values, not {', '.join(map(str, parameter)) or 'nothing'}"
        )
    if "values" in parameter:
        values = parameter["values"]
        if not isinstance(values, list) or not values:
            raise UserError(f"{place}: values: expected a list like [a, b], got {values!r}")
        twice = [value for k, value in enumerate(values) if value in values[:k]]
        if twice:
            raise UserError(f"{place}: values: {twice[0]!r} is there twice")


def grid(sweep: dict[str, Any]) -> list[dict[str, Any]]:
    """Every combination of the parameters' values, the last one varying fastest.

    Raises:
        UserError: it is no grid, or has no alg or seed.
    """
    name, parameters = sweep["name"], sweep["parameters"]
    if sweep["method"] != "grid":
        raise UserError(
            f"{name} is a search ({sweep['method']}), which needs a W&B server: set WANDB_API_KEY"
        )
    missing = [key for key in ("alg", "seed") if key not in parameters]
    if missing:
        raise UserError(f"sweep {name} lacks {' and '.join(missing)} among its parameters")
    values = [_values(parameter) for parameter in parameters.values()]
    cells = [dict(zip(parameters, cell, strict=True)) for cell in itertools.product(*values)]
    for cell in cells:
        alg, seed = cell["alg"], cell["seed"]
        if not isinstance(alg, str):
            raise UserError(f"sweep {name}: alg: expected names of experiments, got {alg!r}")
        if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
            raise UserError(f"sweep {name}: seed: expected whole numbers, got {seed!r}")
    return cells


def _has_key() -> bool:
    try:
        return log_in()
    except UserError as error:
        raise UserError(f"{error}; --local submits a grid without it") from error


def _count(sweep: dict[str, Any], count: int | None) -> int:
    """How many runs to submit."""
    if sweep["method"] == "grid":
        if count is not None:
            raise UserError(f"{sweep['name']} is a grid, which is submitted whole: leave out --count")
        return len(grid(sweep))
    if count is None or count < 1:
        raise UserError(f"{sweep['name']} is a search, which has no end: say --count <number of runs>")
    return count


def _configs(sweep: dict[str, Any], cluster: Cluster) -> list[TrainConfig]:
    """The runs of a grid, or an example of a search's; composed as by the jobs, so that a mistake costs no
    queueing."""
    fixed = _fixed(sweep)
    if sweep["method"] == "grid":
        return [
            config
            for (names, overrides), seeds in _submissions(grid(sweep)).items()
            for name in names
            for config in submit.composed(name, seeds, cluster, [*fixed, *overrides])
        ]
    if not any(word.startswith("run=") for word in fixed):
        raise UserError(
            f"{sweep['name']}: its command must give each run a folder, like run=runs/a-${{wm_lr}}"
        )
    example = {key: _values(parameter)[0] for key, parameter in sweep["parameters"].items()}
    words = [*cluster.run_overrides, *fixed, *_words(example)]
    return [compose(words)]


def _check_folders(name: str, configs: list[TrainConfig]) -> None:
    """See that no two runs of a grid share a folder.

    Raises:
        UserError: two do.
    """
    folders = [config.run for config in configs]
    shared = next((folder for k, folder in enumerate(folders) if folder in folders[:k]), None)
    if shared is not None:
        raise UserError(
            f"sweep {name}: several of its {len(folders)} cells have the run folder {shared}: jobs have one "
            "for each alg and seed; make a sweep for each value of the other parameters, or a search"
        )


def _fixed(sweep: dict[str, Any]) -> list[str]:
    """The overrides that all runs have, by the sweep's command."""
    return [str(word) for word in sweep["command"][2:] if word != ARGUMENTS]


def _untracked(sweep: dict[str, Any]) -> list[str]:
    return [word for word in _fixed(sweep) if not word.startswith("tracking=")]


def _words(cell: dict[str, Any]) -> list[str]:
    return [f"{key}={value}" for key, value in cell.items()]


def _values(parameter: dict[str, Any]) -> list[Any]:
    """The values of a parameter, or one that it may have."""
    return list(parameter.get("values", [parameter.get("value", parameter.get("min"))]))


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
