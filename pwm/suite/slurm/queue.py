"""Talks to Slurm: submits, asks and cancels, through its own commands and without a shell."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from pwm.errors import UserError

TIMEOUT_S = 60
PAUSES_S = (1.0, 4.0, 10.0)
"""Before a command that found no Slurm is tried again."""
AWAY = re.compile(r"contact slurm|connection refused|connect failure|temporarily unable|not responding", re.I)
"""What Slurm says where a command did not reach it."""
TRANSIENT = re.compile(
    rf"{AWAY.pattern}|timed? ?out|no answer|zero bytes|transport endpoint|unexpected|slurmdbd", re.I
)
"""And where its answer was lost."""
ID = re.compile(r"^\s*(?:Submitted batch job )?(\d+)(?:;\S+)?\s*$", re.M)
"""``jobid[;cluster]`` of ``sbatch --parsable``."""
LOCATES = ("SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_CLUSTERS", "SLURM_JWT", "SBATCH_CLUSTERS")
"""Variables that say which Slurm it is, and who asks."""
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
    answer = _call("sbatch", "--parsable", *flags, str(script), *overrides)
    named = ID.search(answer)  # among remarks of the site, before or after it
    if named is None:
        raise SlurmError(
            f"sbatch submitted {script} but named no job ({' '.join(answer.split())!r}); see squeue"
        )
    return named[1]


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
    """Those of ``ids`` that the accounting knows, though the queue has forgotten them; none where the cluster
    keeps no accounts.

    Raises:
        SlurmError: the accounting does not answer.
    """
    if not ids or shutil.which("sacct") is None:
        return {}
    try:
        text = _call(
            "sacct", "--allocations", "--noheader", "--parsable2", "--jobs", ",".join(ids),
            "--format=JobID,State,Elapsed,Timelimit",
        )  # fmt: skip
    except SlurmError as error:
        if "disabled" in str(error):
            return {}
        raise
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


def environment() -> dict[str, str]:
    """This process's, without what Slurm takes for flags and what it told the job that this may run in."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in LOCATES or not name.startswith(("SLURM_", "SBATCH_", "SQUEUE_", "SACCT_", "SCANCEL_"))
    }


def _call(*command: str) -> str:
    """What Slurm's ``command`` prints. One that fails for want of an answer is tried again; of a submission
    only where it is certain that nothing was submitted."""
    for pause in (*PAUSES_S, None):
        try:
            return _once(*command)
        except SlurmError as error:
            lost = AWAY.search(str(error)) if command[0] == "sbatch" else TRANSIENT.search(str(error))
            if pause is None or lost is None:
                raise
            time.sleep(pause)
    raise AssertionError("the last try returns or raises")


def _once(*command: str) -> str:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            env=environment(),
        )
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
