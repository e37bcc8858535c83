"""``pwm suite status``: every run of the suite in one table: its job, and how far it is."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pwm.arguments import Parser
from pwm.config.compose import choices
from pwm.errors import UserError
from pwm.run import metrics
from pwm.run.folder import RunFolder
from pwm.suite import experiments
from pwm.suite.folders import run_folders
from pwm.suite.logs import changed
from pwm.suite.slurm import cluster_config, queue, records
from pwm.tables import aligned

HEADER = (
    "experiment", "seed", "job", "state", "elapsed/limit", "epoch", "R", "peak R", "age", "ETA", "reason"
)  # fmt: skip
LEFT = (0, 2, 3, 10)
RECENT = 50  # rows whose pace the ETA assumes
LONGEST_WATCH_S = 86_400.0
CLEAR = "\x1b[H\x1b[2J"


@dataclass(frozen=True)
class Progress:
    """How far a run is, read from its metrics."""

    epoch: int
    epochs: int | None  # None where the rows do not say
    R: float
    peak: float
    age: float  # seconds since the last row; nan where the file's time is none
    left: float  # seconds until the last epoch at the present pace; nan where that is unknown
    tasks: dict[str, tuple[float, float]]  # of several tasks the last and the peak return of each

    @property
    def finished(self) -> bool:
        """Whether the last epoch is done."""
        return self.epochs is not None and self.epoch >= self.epochs


def run(argv: list[str]) -> int:
    """Print the table once, or with ``--watch`` again and again."""
    parser = Parser(prog="pwm suite status", description=__doc__)
    cluster_config.add_argument(parser)
    parser.add_argument("--watch", type=float, metavar="SECONDS", help="print it again every SECONDS")
    args = parser.parse_args(argv)
    if args.watch is not None and not 0 <= args.watch <= LONGEST_WATCH_S:
        raise UserError(f"--watch {args.watch:g}: expected seconds, at most {LONGEST_WATCH_S:,.0f}")
    runs = Path(cluster_config.load(args.cluster).runs)
    while True:
        text = table(runs)
        print(f"{CLEAR}{text}" if args.watch else text, flush=True)
        if not args.watch:
            return 0
        time.sleep(max(1.0, args.watch))


def table(runs: Path) -> str:
    """The run folders in ``runs``, one line each; what Slurm says of them where it answers."""
    names = experiments.names()
    names += [name for name in choices("alg") if name not in names]
    folders = run_folders(runs, names)
    if not folders:
        return f"no runs in {runs}; `make submit` submits the suite"
    recorded = {key: records.ids(folder) for key, folder in folders.items()}
    note, aside, known = "", "", {}
    try:
        known = queue.jobs()
        missing = [ids[-1] for ids in recorded.values() if ids and not any(job in known for job in ids)]
        try:
            known |= queue.ended(missing)
        except queue.SlurmError as error:
            aside = f"\nSlurm's accounting does not answer, so jobs that ended long ago are unknown: {error}"
    except queue.SlurmError as error:
        note = f"\nSlurm does not answer: {error}"
    lines, by_task = [], []
    for key, folder in folders.items():
        now, trouble = _look(folder)
        lines.append(_cells(key, now, recorded[key], known, not note, trouble))
        by_task += _by_task(key, now)
    return "\n".join([*aligned([HEADER, *lines], LEFT), *by_task]) + note + aside


def progress(folder: RunFolder) -> Progress | None:
    """How far the run in ``folder`` is; None before its first row of metrics."""
    rows = metrics.read_metrics(folder.metrics)
    if not rows:
        return None
    R, peak = _last_and_peak(rows, "R")
    last, before = rows[-1], rows[-min(len(rows), RECENT)]
    epochs = metrics.whole(last.get("max_epochs"))
    written = changed(folder.metrics)
    done = last["epoch"] - before["epoch"]
    seconds = metrics.number(last.get("seconds")) - metrics.number(before.get("seconds"))
    return Progress(
        epoch=last["epoch"],
        epochs=epochs,
        R=R,
        peak=peak,
        age=max(0.0, time.time() - written) if written else math.nan,
        left=(epochs - last["epoch"]) * seconds / done if done > 0 and epochs is not None else math.nan,
        tasks={key[2:]: _last_and_peak(rows, key) for key in last if key.startswith("R_")},
    )


def _last_and_peak(rows: list[dict[str, Any]], key: str) -> tuple[float, float]:
    """The last and the highest number that ``rows`` have under ``key``; nan where there is none."""
    values = [metrics.number(row.get(key)) for row in rows]
    return values[-1], max(filter(math.isfinite, values), default=math.nan)


def duration(seconds: float) -> str:
    """``seconds`` in the two largest of its units: ``3d 4h``, ``12m 5s``, ``40s``; ``-`` for nan."""
    if not math.isfinite(seconds):
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [
        f"{value}{unit}" for value, unit in ((days, "d"), (hours, "h"), (minutes, "m"), (rest, "s")) if value
    ]
    return " ".join(parts[:2]) or "0s"


def _look(path: Path) -> tuple[Progress | None, str]:
    """How far the run in ``path`` is, and what kept us from seeing it."""
    try:
        return progress(RunFolder(path)), ""
    except OSError as error:
        return None, f"metrics.jsonl cannot be read: {error.strerror}"


def _by_task(key: tuple[str, int], now: Progress | None) -> list[str]:
    """What a score is made of."""
    if now is None or not now.tasks:
        return []
    returns = ", ".join(f"{task} {last:.2f} ({peak:.2f})" for task, (last, peak) in now.tasks.items())
    return [f"{key[0]}, seed {key[1]}, R (peak R) of each task: {returns}"]


def _cells(
    key: tuple[str, int],
    now: Progress | None,
    ids: list[str],
    known: dict[str, queue.Job],
    answered: bool,
    trouble: str,
) -> tuple[str, ...]:
    job = _job(ids, known)
    reason = trouble or (job.reason if job and job.reason not in ("", "None") else "")
    running = job is not None and job.state == "RUNNING"
    return (
        key[0],
        str(key[1]),
        job.id if job else ids[-1] if ids else "-",
        _state(job, ids, now, answered),
        f"{job.elapsed or '-'}/{job.limit or '-'}" if job else "-",
        f"{now.epoch}/{now.epochs or '?'}" if now else "-",
        f"{now.R:.2f}" if now else "-",
        f"{now.peak:.2f}" if now else "-",
        duration(now.age) if now else "-",
        duration(now.left) if now and running and not now.finished else "-",
        reason,
    )


def _job(ids: list[str], known: dict[str, queue.Job]) -> queue.Job | None:
    """The newest job that is live, or else the newest that is known."""
    found = [known[job] for job in reversed(ids) if job in known]
    return next((job for job in found if job.live), found[0] if found else None)


def _state(job: queue.Job | None, ids: list[str], now: Progress | None, answered: bool) -> str:
    if job is not None:
        return f"{job.state} (restart {job.restarts})" if job.restarts else job.state
    if now is not None and now.finished:
        return "FINISHED"
    if not ids:
        return "no job"
    return "UNKNOWN" if answered else "?"
