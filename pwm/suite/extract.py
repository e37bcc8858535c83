"""``pwm suite extract``: a policy for each task of a pretrained world model, and a table of their scores."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pwm.arguments import Parser
from pwm.commands.data.collect import episodes
from pwm.commands.stages import extraction
from pwm.config.compose import compose, given
from pwm.envs import make
from pwm.envs.scores import score
from pwm.errors import UserError, choose_from
from pwm.files import replace_text
from pwm.run import metrics
from pwm.run.folder import RunFolder
from pwm.suite import grid
from pwm.suite.report.statistics import interval, iqm
from pwm.suite.slurm.submit import seeds
from pwm.tables import aligned

BASELINES = "baselines.json"
BASELINE_EPISODES = 20
HEADER = (
    "task", "random", "zero", "last", "best", "IQM of last", "score", "real/step", "imagined/step", "seeds"
)  # fmt: skip
FAILED = 1


class Result(NamedTuple):
    """What a policy came to."""

    last: float
    best: float
    real: float
    """Reward a step in the last evaluation."""
    imagined: float
    """Reward a step that the world model promised, on average since the report before that."""


def run(argv: list[str]) -> int:
    """``pwm suite extract world_model=<run> …``; returns the exit code: 1 if a run failed.

    Raises:
        UserError: no such world model, or a wrong value.
    """
    parser = Parser(
        prog="pwm suite extract",
        description="Extract a policy for each task of a pretrained world model, then print their scores. "
        "The same command goes on where it was stopped.",
        epilog="world_model=FOLDER: a run of `pwm pretrain`. tasks=[…]: some of its tasks. All other keys "
        "are those of `pwm train`.",
    )
    parser.add_argument("--seeds", type=seeds, default=[0], metavar="0,1,2", help="default: 0")
    parser.add_argument(
        "--jobs", type=int, default=grid.cores(), help="at a time; default: one for each core"
    )
    parser.add_argument("overrides", nargs="+", metavar="key=value")
    arguments = parser.parse_intermixed_args(argv)
    if arguments.jobs < 1:
        raise UserError(f"--jobs {arguments.jobs}: expected at least 1")
    cells = plan(arguments.overrides, arguments.seeds)
    failed = grid.run(list(cells.values()), min(arguments.jobs, len(cells)))
    root = next(iter(cells.values())).folder.parent
    print(table(cells, baselines(root, list(dict.fromkeys(task for task, _ in cells)))))
    print(f"\npolicies: {root}")
    return FAILED if failed else 0


def plan(
    overrides: list[str], of_seeds: list[int], root: Path | None = None
) -> dict[tuple[str, int], grid.Cell]:
    """The runs, by task and seed; their folders are in ``root`` or where policies are by default.

    Raises:
        UserError: as :func:`run`.
    """
    said = given(overrides)
    if not said.get("world_model"):
        raise UserError("world_model=<folder> is missing: a run of `pwm pretrain`")
    known = RunFolder(str(said["world_model"])).config().tasks
    wanted = said.get("tasks", known)
    for task in wanted if isinstance(wanted, list) else [wanted]:
        if task not in known:
            raise choose_from("task of the world model", task, known)
    for key in ("task", "seed", "run"):
        if key in said:
            raise UserError(f"{key}={said[key]}: here every task and seed has its own; leave it out")
    rest = [word for word in overrides if not word.startswith("tasks=")]
    cells = {}
    for seed in of_seeds:
        for task in wanted:
            own = [f"run={root / f'{task}-s{seed}'}"] if root else []
            words = extraction([*rest, f"task={task}", f"seed={seed}", *own])
            config = compose(words)
            label = f"{task}, seed {seed}" if len(of_seeds) > 1 else task
            cells[task, seed] = grid.Cell(label, ["train", *words], Path(config.run), config.max_epochs)
    return cells


def result(folder: Path) -> Result | None:
    """Of the run in ``folder``; None before its first evaluation."""
    rows = metrics.read_metrics(RunFolder(folder).metrics)
    evaluated = [row for row in rows if math.isfinite(metrics.number(row.get("eval_R")))]
    if not evaluated:
        return None
    last = evaluated[-1]
    returns = [metrics.number(row["eval_R"]) for row in evaluated]
    steps = metrics.number(last.get("eval_length"))
    return Result(returns[-1], max(returns), returns[-1] / steps, metrics.number(last.get("imagined_reward")))


def baselines(root: Path, tasks: list[str]) -> dict[str, tuple[float, float]]:
    """Mean returns of uniformly random actions and of none, by task: measured once, and kept in ``root``."""
    file = root / BASELINES
    kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    for task in tasks:
        if task not in kept:
            kept[task] = [_mean_return(task, _uniform), _mean_return(task, torch.zeros_like)]
            root.mkdir(parents=True, exist_ok=True)
            replace_text(file, json.dumps(kept, indent=1) + "\n")
    return {task: (kept[task][0], kept[task][1]) for task in tasks}


def _uniform(like: Tensor) -> Tensor:
    return 2 * torch.rand_like(like) - 1


def _mean_return(task: str, act: Callable[[Tensor], Tensor]) -> float:
    torch.manual_seed(0)
    env = make(task, num_envs=BASELINE_EPISODES)
    action = torch.zeros(env.num_envs, env.act_dim)
    returns = [float(episode.reward.sum()) for episode in episodes(env, lambda _: act(action), [0])]
    return float(np.mean(returns))


def table(cells: dict[tuple[str, int], grid.Cell], bars: dict[str, tuple[float, float]]) -> str:
    """A line for each task, and the mean of all."""
    rows, scores = [], []
    for task in dict.fromkeys(task for task, _ in cells):
        found = [result(cell.folder) for (other, _), cell in cells.items() if other == task]
        known = [one for one in found if one is not None]
        bar = tuple(f"{value:.1f}" for value in bars[task])
        if not known:
            rows.append((task, *bar, *["-"] * 6, "0"))
            continue
        last = [one.last for one in known]
        spread = interval(last)
        limits = f" [{spread.low:.1f}, {spread.high:.1f}]" if spread.known else ""
        own = score(task, spread.estimate)
        scores.append(own)
        rows.append(
            (
                task,
                *bar,
                f"{np.mean(last):.1f}",
                f"{np.mean([one.best for one in known]):.1f}",
                f"{spread.estimate:.1f}{limits}",
                "-" if own is None else f"{own:.3f}",
                f"{np.mean([one.real for one in known]):.3f}",
                f"{np.mean([one.imagined for one in known]):.3f}",
                str(len(known)),
            )
        )
    lines = aligned([HEADER, *rows], (0,))
    counted = [value for value in scores if value is not None]
    if len(counted) == len(rows) > 1:
        lines.append(f"score, all tasks: mean {np.mean(counted):.3f}, IQM {float(iqm(counted)):.3f}")
    return "\n".join(lines)
