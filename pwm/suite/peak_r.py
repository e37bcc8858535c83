"""``pwm peak-r``: for each experiment the highest return in its newest log or run folder."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from pwm.arguments import Parser
from pwm.errors import UserError
from pwm.suite import experiments, logs
from pwm.tables import aligned

HEADER = ("experiment", "peak R", "epoch", "env steps", "m/s", "last R", "source")
LOGS, RUNS = Path("logs"), Path("runs")


@dataclass(frozen=True)
class Row:
    """What is known of one experiment: its newest source that holds a return, and that source's returns."""

    experiment: str
    source: logs.Source
    points: list[logs.Point]
    skipped: list[str]  # why newer sources were passed over


def run(argv: list[str]) -> int:
    """Print the table for the sources that ``argv`` names, else for ``logs/`` and ``runs/``.

    Raises:
        UserError: a folder or file given on the command line is missing.
    """
    parser = Parser(prog="pwm peak-r", description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "paths", type=Path, nargs="*", metavar="PATH", help="run folders, logs, or folders of them"
    )
    parser.add_argument("--logs", type=Path, metavar="DIR", help="logs train_48M_<experiment>_<job id>.out")
    parser.add_argument("--runs", type=Path, metavar="DIR", help="a run folder, or the folder of run folders")
    parser.add_argument(
        "--log", type=Path, metavar="FILE", nargs="+", action="extend", default=[], help="single log files"
    )
    args = parser.parse_args(argv)
    for path in (args.logs, args.runs):
        if path and not path.is_dir():
            raise UserError(f"no folder {str(path)!r}; give --logs and --runs folders that exist")
    for path in args.log:
        if not path.is_file():
            raise UserError(f"no file {str(path)!r}; give --log the path of a training log")
    if not (args.paths or args.logs or args.runs or args.log):
        args.logs, args.runs = LOGS, RUNS
    sources = logs.named([*args.paths, *args.log]) + logs.find(args.logs, args.runs)
    print(table(list({source.path.resolve(): source for source in sources}.values())))
    return 0


def table(sources: list[logs.Source]) -> str:
    """The experiments of the suite and any other that ``sources`` hold, one line each; then the experiments
    without a log and the sources that could not be used."""
    by_experiment = defaultdict(list)
    for source in sources:
        by_experiment[source.experiment].append(source)
    suite = experiments.names()
    others = sorted(set(by_experiment) - set(suite))
    rows = [_newest(name, by_experiment[name]) for name in (*suite, *others) if name in by_experiment]
    lines = aligned([HEADER, *map(_cells, rows)], (0, len(HEADER) - 1)) if rows else []
    missing = [name for name in suite if name not in by_experiment]
    if missing:
        lines.append(f"No log: {', '.join(missing)}")
    lines += [text for row in rows for text in _by_task(row)]
    lines += [f"Passed over: {reason}" for row in rows for reason in row.skipped]
    return "\n".join(lines)


def _newest(experiment: str, sources: list[logs.Source]) -> Row:
    """The newest source with a return; a newer one that is empty or unreadable is noted."""
    skipped = []
    newest_first = sorted(sources, key=lambda source: source.age, reverse=True)
    for source in newest_first:
        try:
            points = source.points()
        except Exception as error:  # whatever one file holds, the others are read
            skipped.append(f"{source.path} ({getattr(error, 'strerror', None) or error})")
            continue
        if points:
            return Row(experiment, source, points, skipped)
        skipped.append(f"{source.path} (holds no R)")
    return Row(experiment, newest_first[0], [], skipped)


def _cells(row: Row) -> tuple[str, ...]:
    peak = logs.peak(row.points)
    source = str(row.source.path) + (f" ({row.source.setting})" if row.source.setting else "")
    last = _number(row.points[-1].R) if row.points else "-"
    if peak is None:
        return (row.experiment, "-", "-", "-", "-", last, source)
    epoch = "-" if peak.epoch is None else f"{peak.epoch}/{peak.epochs}" if peak.epochs else str(peak.epoch)
    steps = "-" if peak.env_steps is None else f"{peak.env_steps:,}"
    velocity = "-" if math.isnan(peak.forward_velocity) else _number(peak.forward_velocity)
    return (row.experiment, _number(peak.R), epoch, steps, velocity, last, source)


def _by_task(row: Row) -> list[str]:
    """What a score is made of."""
    peak = logs.peak(row.points)
    if peak is None or not peak.tasks:
        return []
    returns = ", ".join(f"{task} {_number(value)}" for task, value in peak.tasks.items())
    return [f"{row.experiment}, R of each task there: {returns}"]


def _number(value: float) -> str:
    return f"{value:.2f}"
