"""The pretend cluster while it runs: one container with Slurm and Apptainer (see the recipe beside this).

A folder of this machine is its working directory, and its commands can be called from here: they are put on
a PATH as small scripts that run the real ones inside, so that what submits and follows jobs on a real cluster
does so here without knowing.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from pathlib import Path

from pwm.errors import UserError

COMMANDS = ("sbatch", "squeue", "scontrol", "scancel")
USER = "user"
INSIDE = "/rehearsal"
UP = "cluster is up"
UP_WITHIN_S = 90
# What rootless Apptainer needs inside a container; Slurm finds its node under the name localhost.
FLAGS = (
    "--detach", "--hostname=localhost", "--init", "--device=/dev/fuse",
    "--security-opt=seccomp=unconfined", "--security-opt=systempaths=unconfined",
)  # fmt: skip


class Node:
    """The container ``name`` of the image ``image``, in whose :data:`INSIDE` lies the folder ``work``."""

    def __init__(self, name: str, image: str, work: Path) -> None:
        self.name, self.image, self.work = name, image, work.resolve()

    def up(self) -> None:
        """Start it afresh and wait until it takes jobs.

        Raises:
            UserError: there is no Docker, or the cluster does not come up, with what it said.
        """
        self.down()
        docker("run", *FLAGS, f"--name={self.name}", f"--volume={self.work}:{INSIDE}", self.image)
        deadline = time.monotonic() + UP_WITHIN_S
        while UP not in self.said():
            running = docker("inspect", "--format={{.State.Running}}", self.name).strip() == "true"
            if not running or time.monotonic() > deadline:
                raise UserError(f"the rehearsal's cluster does not come up: {' '.join(self.said().split())}")
            time.sleep(0.5)
        if os.getuid() not in (0, 1000):  # files made inside belong to whoever rehearses
            self.execute("usermod", "--uid", str(os.getuid()), USER)

    def said(self) -> str:
        """What its processes printed."""
        return docker("logs", self.name)

    def down(self) -> None:
        """Remove it, if it is there."""
        docker("rm", "--force", "--volumes", self.name, missing_ok=True)

    def execute(self, *command: str, user: str = "root") -> str:
        """What ``command`` prints inside.

        Raises:
            UserError: it fails, with what it said.
        """
        return docker("exec", f"--user={user}", f"--workdir={INSIDE}", self.name, *command)

    def environment(self, folder: Path) -> dict[str, str]:
        """This process's environment with the commands of that Slurm, which ``folder`` will hold."""
        folder.mkdir(parents=True, exist_ok=True)
        for command in COMMANDS:
            script = folder / command
            words = ["docker", "exec", f"--user={USER}", f"--workdir={INSIDE}", self.name, command]
            script.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
            script.chmod(0o755)
        return {**os.environ, "PATH": f"{folder.resolve()}{os.pathsep}{os.environ['PATH']}"}


def docker(*words: str, missing_ok: bool = False) -> str:
    """What the command ``docker`` prints, errors included.

    Raises:
        UserError: it fails, or there is no Docker.
    """
    try:
        done = subprocess.run(
            ["docker", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
    except FileNotFoundError:
        raise UserError("the rehearsal needs Docker: apt-get install docker.io, and start dockerd") from None
    if done.returncode and not missing_ok:
        raise UserError(f"docker {words[0]}: {' '.join(done.stdout.split())}")
    return done.stdout
