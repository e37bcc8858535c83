"""Apptainer: where it is installed, else the one in the container of the rehearsal's cluster."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from pwm.errors import UserError
from pwm.suite import rehearsal
from pwm.suite.image import engine


def call(words: list[str], folder: Path, user: str = "0:0") -> str:
    """What ``apptainer <words>`` prints in ``folder``; in the container it is ``user``, and in /work.

    Raises:
        UserError: it fails, or is neither here nor in a container.
    """
    command = ["apptainer", *words]
    if shutil.which("apptainer"):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
        if done.returncode:
            raise _failed(words[0], done.stdout + done.stderr)
        return done.stdout
    with engine.client() as docker:
        return _in_container(docker, command, folder, user)


def _in_container(docker: Any, command: list[str], folder: Path, user: str) -> str:
    from docker.errors import ImageNotFound

    # What rootless Apptainer needs; docker-py has no word for the paths, `docker run` calls it systempaths.
    rights = docker.api.create_host_config(
        binds={str(folder.absolute()): {"bind": "/work", "mode": "rw"}},
        devices=["/dev/fuse"] if os.path.exists("/dev/fuse") else [],
        security_opt=["seccomp=unconfined"],
    ) | {"MaskedPaths": [], "ReadonlyPaths": []}
    try:
        container = docker.api.create_container(
            rehearsal.IMAGE,
            entrypoint=command,
            user=user,
            environment={"HOME": "/tmp"},
            working_dir="/work",
            host_config=rights,
        )["Id"]
    except ImageNotFound as error:
        raise UserError(
            "Apptainer is not installed here (Debian sid: apt-get install apptainer), and neither is the "
            "container that has it: `pwm image build --cluster` builds that"
        ) from error
    try:
        docker.api.start(container)
        if docker.api.wait(container)["StatusCode"]:
            raise _failed(command[1], docker.api.logs(container).decode(errors="replace"))
        return str(docker.api.logs(container, stderr=False).decode(errors="replace"))
    finally:
        docker.api.remove_container(container, force=True)


def _failed(word: str, printed: str) -> UserError:
    lines = [line for line in printed.splitlines() if line.startswith(("FATAL", "ERROR"))]
    return UserError(f"apptainer {word} failed: {' '.join(lines or printed.splitlines()[-3:])}")
