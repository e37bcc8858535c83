"""The jobs of a run: one line each time one is submitted or starts, in the run folder's file ``jobs``.

The batch script writes to it too (:mod:`pwm.suite.slurm.jobs`), so a job submitted by hand is known
as soon as it starts. A line is the job's id and what it did: ``2314143_0 submitted to pace_l40s``.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pwm.errors import UserError
from pwm.run.folder import RunFolder


def prepare(run: Path) -> None:
    """See that jobs can be recorded in the run folder ``run``, which is created.

    Raises:
        UserError: they cannot.
    """
    try:
        run.mkdir(parents=True, exist_ok=True)
        jobs = RunFolder(run).jobs
        jobs.open("a", encoding="utf-8").close()
        if not jobs.stat().st_size:
            jobs.unlink()
    except OSError as error:
        raise UserError(
            f"cannot record jobs in {run}: {error.strerror}; move it away, or mend runs in the cluster config"
        ) from error


def add(run: Path, job: str, event: str) -> None:
    """Record that ``job`` did ``event`` in the run folder ``run``; where that fails, say so: the job is
    there."""
    try:
        run.mkdir(parents=True, exist_ok=True)
        with RunFolder(run).jobs.open("a", encoding="utf-8") as file:
            file.write(f"{job} {event}\n")
    except OSError as error:
        print(f"warning: job {job} is not recorded in {run} ({error.strerror}): `scancel {job}` cancels it")


def ids(run: Path) -> list[str]:
    """The jobs of the run folder ``run``, the oldest first, each once."""
    try:
        lines = RunFolder(run).jobs.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return list(dict.fromkeys(line.split()[0] for line in lines if line.strip()))


@contextmanager
def exclusive(runs: Path) -> Iterator[None]:
    """Only one process at a time submits into ``runs``.

    Raises:
        UserError: another one does, or the folder cannot be written.
    """
    try:
        runs.mkdir(parents=True, exist_ok=True)
        lock = open(runs / ".submit.lock", "w", encoding="utf-8")  # noqa: SIM115 (closed below)
    except OSError as error:
        raise UserError(
            f"cannot write to {runs}: {error.strerror}; mend runs in the cluster config"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"another `pwm suite submit` is at work in {runs}; wait for it") from None
        yield
