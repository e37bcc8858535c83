"""``pwm suite rehearse``: the eight jobs on a pretend cluster, with the scripts that go to the real one.

The cluster is a container with real Slurm and real Apptainer; the scripts are those of the default cluster.
That they are short and small, and that one of them meets its time limit, is said in sbatch's flags and in
overrides. Everything lies in ``runs/rehearsal``, the working directory of the pretend cluster.
"""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pwm.arguments import Parser
from pwm.errors import UserError
from pwm.interpreter import PYTHON
from pwm.run import metrics
from pwm.run.folder import RunFolder
from pwm.suite import experiments, peak_r
from pwm.suite import logs as logs_
from pwm.suite.rehearsal import IMAGE
from pwm.suite.rehearsal.node import Node
from pwm.suite.slurm import queue, records, status, submit

WORK = Path("runs/rehearsal")
NAME = "pwm-rehearsal"
OVERRIDES = ("scale=demo", "env=ant", "threads=1")
LIMIT = ("--sbatch=--time=30", "--sbatch=--signal=B:USR2@60")
# Slurm may send the signal a minute early: 30 to 90 seconds after the start. However fast the machine is,
# the run takes LASTS_S or longer: its epochs follow from the speed of a like run with the machine to itself.
INTERRUPTED, PACE = "st_baseline", "mt_baseline"
SHORT_LIMIT = ("--sbatch=--time=3", "--sbatch=--signal=B:USR2@90")
LASTS_S = 180.0
PACE_EPOCHS = 4
POLL_S = 5.0
PATIENCE_S = 3600.0


class Rehearsal:
    """A rehearsal in the folder ``work``, on ``node``."""

    def __init__(self, node: Node) -> None:
        self.node, self.work = node, node.work
        self.environment = node.environment(self.work / ".bin")

    def lay_out(self) -> None:
        """Make the working directory what the top of a checkout is on a real cluster, writable for the
        cluster's user; its folder ``runs`` is itself, so that runs lie directly in it."""
        runs = self.work / "runs"
        if not runs.is_symlink():
            runs.symlink_to(".")
        self.work.chmod(0o777)

    def suite(self, *words: str) -> None:
        """Run ``pwm suite <words>`` as one does on a cluster.

        Raises:
            UserError: it fails; it has said why.
        """
        command = [*PYTHON, "-m", "pwm", "suite", *words]
        # What is created here is for the cluster's user to write to.
        done = subprocess.run(command, cwd=self.work, env=self.environment, umask=0)
        if done.returncode:
            raise UserError(f"`pwm suite {' '.join(words)}` ended with exit code {done.returncode}")

    def submit(self) -> None:
        """Submit all eight: one to its end, then one with a time limit that it will meet, and the rest.

        Raises:
            UserError: a submission fails, or the first run does.
        """
        self.suite("submit", PACE, *OVERRIDES, *LIMIT)
        self.wait()
        self.suite("submit", INTERRUPTED, *OVERRIDES, *SHORT_LIMIT, f"max_epochs={self._epochs()}")
        others = [name for name in experiments.names() if name not in (PACE, INTERRUPTED)]
        self.suite("submit", *others, *OVERRIDES, *LIMIT)

    def _epochs(self) -> int:
        """How many epochs take ``LASTS_S``, by the last epochs of the finished run ``PACE``."""
        path = submit.run_folder(self.work, PACE, 0)
        seconds = [row["seconds"] for row in metrics.read_metrics(RunFolder(path).metrics)]
        if len(seconds) <= PACE_EPOCHS:
            raise UserError(f"{PACE}: this first job has trained too little: see {self.work}/logs")
        return math.ceil(LASTS_S * PACE_EPOCHS / (seconds[-1] - seconds[-1 - PACE_EPOCHS]))

    def jobs(self) -> dict[str, queue.Job]:
        """The newest job of every run, by the name of its folder, as Slurm has it."""
        with self.slurm_here():
            known = queue.jobs()
        folders = submit.run_folders(self.work, experiments.names()).values()
        return {path.name: known[records.ids(path)[-1]] for path in folders if records.ids(path)}

    def wait(self) -> None:
        """Wait until no job is left, saying what changes.

        Raises:
            UserError: it takes longer than an hour.
        """
        told, deadline = "", time.monotonic() + PATIENCE_S
        while True:
            jobs = self.jobs()
            states = Counter(job.state for job in jobs.values())
            text = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
            if text != told:
                print(time.strftime("%H:%M:%S"), text, flush=True)
                told = text
            if not any(job.live for job in jobs.values()):
                return
            if time.monotonic() > deadline:
                raise UserError(f"the rehearsal does not end: {text}; `pwm suite rehearse --down` removes it")
            time.sleep(POLL_S)

    def complaints(self) -> list[str]:
        """What did not go as it must, one line each."""
        found = [
            f"{run}: job {job.id} is {job.state}, see {self.work}/logs"
            for run, job in self.jobs().items()
            if job.state != "COMPLETED"
        ]
        for path in submit.run_folders(self.work, experiments.names()).values():
            epochs = [row["epoch"] for row in metrics.read_metrics(RunFolder(path).metrics)]
            if epochs != list(range(1, len(epochs) + 1)):
                found.append(f"{path.name}: its metrics have a gap or an epoch twice")
        if len(starts(submit.run_folder(self.work, INTERRUPTED, 0))) < 2:
            found.append(f"{INTERRUPTED}: finished before its time limit, so no requeue was rehearsed")
        return found

    def tables(self) -> str:
        """The status and the peak returns."""
        with self.slurm_here():
            table = status.table(self.work)
        return f"{table}\n\n{peak_r.table(logs_.find(None, self.work))}"

    @contextlib.contextmanager
    def slurm_here(self) -> Iterator[None]:
        """In this process, too, Slurm's commands are the cluster's."""
        before = os.environ["PATH"]
        os.environ["PATH"] = self.environment["PATH"]
        try:
            yield
        finally:
            os.environ["PATH"] = before


def build(sif: Path | None) -> None:
    """Build the cluster's image, and bring ``sif``, or else the CPU image of this checkout, to its place.

    Raises:
        UserError: a build fails; it has said why.
    """
    WORK.mkdir(parents=True, exist_ok=True)
    target = WORK / "pwm.sif"
    commands = [["build", "--cluster"]]
    if sif is None:
        commands += [["build", "--cpu"], ["sif", "--image=pwm:cpu", f"--output={target}"]]
    for words in commands:
        if subprocess.run([*PYTHON, "-m", "pwm", "image", *words]).returncode:
            raise UserError(f"`pwm image {' '.join(words)}` failed")
    if sif is not None:
        try:
            os.link(sif.resolve(), target)
        except OSError:  # on another disk
            shutil.copyfile(sif, target)
            target.chmod(0o644)


def starts(run: Path) -> list[str]:
    """The lines of the run folder ``run`` that say that a job started."""
    lines = RunFolder(run).jobs.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if " starts " in line]


def run(argv: list[str]) -> int:
    """Rehearse, or remove what the rehearsal left.

    Raises:
        UserError: Docker is missing, a command fails, or a job did not go as it must.
    """
    parser = Parser(prog="pwm suite rehearse", description="All eight jobs, small, on a pretend cluster.")
    parser.add_argument("--sif", type=Path, help="an image that is there already (default: build it)")
    parser.add_argument("--down", action="store_true", help="remove the cluster and runs/rehearsal")
    args = parser.parse_args(argv)
    if args.sif and not args.sif.is_file():
        raise UserError(f"no image {args.sif}: `make sif` builds one")
    node = Node(NAME, IMAGE, WORK)
    node.down()
    shutil.rmtree(WORK, ignore_errors=True)
    if args.down:
        return 0
    build(args.sif)
    rehearsal = Rehearsal(node)
    rehearsal.lay_out()
    node.up()
    rehearsal.submit()
    rehearsal.wait()
    print(rehearsal.tables(), flush=True)
    complaints = rehearsal.complaints()
    report = ["report", "--runs", str(WORK), "--out", str(WORK / "report")]
    if subprocess.run([*PYTHON, "-m", "pwm", *report], stderr=subprocess.DEVNULL).returncode:
        complaints.append(f"`pwm {' '.join(report)}` failed")
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0
