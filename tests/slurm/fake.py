"""Stand-ins for Slurm's and Apptainer's commands, for a PATH that holds nothing else of theirs."""

from __future__ import annotations

import shlex
import stat
import subprocess
from pathlib import Path

import pytest

from pwm.suite.slurm import queue
from tests.tools import tool

# Each call is a line in `calls`; `down` makes every command fail; a file named after a command is its answer.
COMMAND = """#!/bin/bash
cd {folder}
printf '%s\\t' {name} "$@" | tr '\\n' ' ' >> calls; echo >> calls
[[ ! -e down ]] || {{ cat down >&2; exit 1; }}
[[ ! -e {name} ]] || cat {name}
"""
SBATCH = """
number=$(( $(cat number 2> /dev/null || echo 2314142) + 1 )); echo $number > number; echo "$number;phoenix"
"""


class FakeSlurm:
    """A Slurm of which every answer is written down before it is asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        for name in ("sbatch", "squeue", "scontrol", "scancel", "sacct"):
            self.command(name, COMMAND.format(folder=shlex.quote(str(folder)), name=name))
        with (self.bin / "sbatch").open("a") as file:
            file.write(SBATCH)

    def command(self, name: str, text: str) -> None:
        """Put an executable of that name on the PATH."""
        path = self.bin / name
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def queue(self, *jobs: tuple[str, str, str, str, int, str]) -> None:
        """What squeue lists: id, state, elapsed, limit, restarts and reason of each job."""
        widths = (40, 24, 24, 24, 12, 60)
        lines = ["".join(str(v).ljust(w) for v, w in zip(job, widths, strict=True)) for job in jobs]
        self.answer("squeue", "".join(f"{line}\n" for line in lines))

    def answer(self, name: str, text: str) -> None:
        """What the command ``name`` prints from now on."""
        (self.folder / name).write_text(text)

    def down(self, message: str = "slurm_load_jobs error: Unable to contact slurm controller") -> None:
        """Slurm does not answer any more."""
        (self.folder / "down").write_text(f"{message}\n")

    def calls(self, name: str) -> list[list[str]]:
        """The arguments of every call of the command ``name`` so far."""
        path = self.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        words = [line.rstrip("\t").split("\t") for line in lines]
        return [rest for first, *rest in words if first == name]


def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSlurm:
    """A fake Slurm in front of the PATH, and a checkout of its own as the working directory."""
    slurm = FakeSlurm(tmp_path / "slurm")
    checkout = tmp_path / "check out"
    checkout.mkdir()
    monkeypatch.chdir(checkout)
    monkeypatch.setenv("PATH", f"{slurm.bin}:/usr/bin:/bin")
    monkeypatch.setattr(queue, "PAUSES_S", (0.0, 0.0))
    for name in ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    return slurm


CLUSTER = """
account: null
partition: null
qos: null
nodes: 1
gpus: 1
gres: gpu:L40S
cores: 4
memory: 128G
hours_st: 12
hours_mt: 24
warning: 300
modules: []
binds: []
sif: pwm.sif
logs: logs
runs: runs
tracking: disabled
overrides: []
"""


def cluster_yaml(**changes: str) -> str:
    """A cluster's configuration in which the values of some keys are others, as YAML."""
    lines = [line for line in CLUSTER.split("\n") if line.split(":")[0] not in changes]
    return "\n".join([*lines, *(f"{key}: {value}" for key, value in changes.items()), ""])


def shellcheck(path: Path) -> None:
    """Fail unless shellcheck finds nothing at all; skip where it is not installed."""
    done = subprocess.run([tool("shellcheck"), str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
