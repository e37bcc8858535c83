"""Talks to Slurm: submits, asks and cancels, through its own commands and without a shell."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from pwm.errors import UserError

TIMEOUT_S = 60
LIVE = frozenset(
    (
        "PENDING", "RUNNING", "CONFIGURING", "COMPLETING", "STAGE_OUT", "SUSPENDED", "STOPPED", "SIGNALING",
        "RESIZING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD",
    )
)  # fmt: skip
"""States of a job that runs, will run, or will run again."""
COLUMNS = {"JobArrayID": 40, "State": 24, "TimeUsed": 24, "TimeLimit": 24, "RestartCnt": 12, "Reason": 60}
"""Fields of ``squeue --Format`` and their widths: fixed, so that nothing in them can pass for a separator."""


class SlurmError(UserError):
    """Slurm refuses, does not answer or is not there."""


@dataclass(frozen=True)
class Job:
    """What Slurm says of one job, or of one element of an array."""

    id: str
    state: str  # PENDING, RUNNING, …
    elapsed: str = ""
    limit: str = ""
    restarts: int = 0
    reason: str = ""

    @property
    def live(self) -> bool:
        """Whether it runs or may still run."""
        return self.state in LIVE


def submit(script: Path, overrides: list[str], flags: list[str]) -> str:
    """Submit ``script`` with ``sbatch``'s own ``flags``; returns the job id.

    Raises:
        SlurmError: sbatch refuses, for the reason it gives.
    """
    answer = _call("sbatch", "--parsable", *flags, str(script), *overrides).strip().splitlines()
    number = answer[-1].split(";")[0] if answer else ""  # jobid[;cluster], after any remark of the site
    if not number.isdigit():
        raise SlurmError(f"sbatch submitted {script} but named no job ({' '.join(answer)!r}); see squeue")
    return number


def jobs() -> dict[str, Job]:
    """The user's jobs that Slurm still knows, by id (``123``, or ``123_4`` of an array): those in the queue
    and those that ended minutes ago.

    Raises:
        SlurmError: Slurm does not answer.
    """
    fields = ",".join(f"{name}:{width}" for name, width in COLUMNS.items())
    text = _call("squeue", "--me", "--array", "--noheader", "--states=all", f"--Format={fields}")
    found = (_parse(line) for line in text.splitlines() if line.strip())
    return {job.id: job for job in found}


def ended(ids: list[str]) -> dict[str, Job]:
    """Those of ``ids`` that the accounting knows, though the queue has forgotten them; none without it."""
    if not ids:
        return {}
    try:
        text = _call(
            "sacct", "--allocations", "--noheader", "--parsable2", "--jobs", ",".join(ids),
            "--format=JobID,State,Elapsed,Timelimit",
        )  # fmt: skip
    except SlurmError:
        return {}
    rows = [line.split("|") for line in text.splitlines()]
    known = [Job(row[0], (row[1].split() or [""])[0], row[2], row[3]) for row in rows if len(row) == 4]
    return {job.id: job for job in known if job.id in ids}


def cancel(ids: list[str]) -> None:
    """Cancel the jobs ``ids``.

    Raises:
        SlurmError: scancel refuses.
    """
    _call("scancel", *ids)


def _parse(line: str) -> Job:
    values, start = [], 0
    for width in COLUMNS.values():
        values.append(line[start : start + width].strip())
        start += width
    number, state, elapsed, limit, restarts, reason = values
    return Job(number, state, elapsed, limit, int(restarts) if restarts.isdigit() else 0, reason)


def _call(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S)
    except FileNotFoundError:
        raise SlurmError(f"there is no {command[0]} here: run this on a login node of the cluster") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SlurmError(
            f"{command[0]}: {getattr(error, 'strerror', None) or 'no answer in time'}"
        ) from error
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise SlurmError("; ".join(lines) or f"{command[0]} ended with exit code {done.returncode}")
    return done.stdout
