"""Where a run's numbers come from: code, packages, machine and image."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import datetime, timezone
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pwm
from pwm.files import sha256


def describe() -> dict[str, Any]:
    """One start of a run, as plain values for ``run.json``."""
    return {
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": sys.argv,
        "pwm": pwm.__version__,
        "git": git_commit(Path(pwm.__file__).resolve().parent.parent),
        "image": image(),
        "slurm_job": os.environ.get("SLURM_JOB_ID"),
        "python": platform.python_version(),
        "packages": {item.name: item.version for item in sorted(distributions(), key=lambda item: item.name)},
        "hardware": _hardware(),
    }


def image() -> dict[str, Any] | None:
    """The image that this runs in: what it was built from and, of a SIF that is in sight, its SHA-256."""
    if "PWM_IMAGE_SOURCE" not in os.environ:
        return None
    names = ("version", "commit", "source", "lock", "base")
    found: dict[str, Any] = {name: os.environ.get(f"PWM_IMAGE_{name.upper()}") for name in names}
    sif = os.environ.get("APPTAINER_CONTAINER")
    if sif:
        found |= {"sif": sif, "sif_sha256": _sha256(Path(sif))}
    return found


def _sha256(path: Path) -> str | None:
    try:
        return sha256(path)
    except OSError:  # a SIF outside the folders that are bound into it
        return None


def git_commit(checkout: Path) -> dict[str, Any] | None:
    """``{"commit": …, "dirty": …}`` of ``checkout``; None outside a checkout or without git."""
    if not (checkout / ".git").exists():
        return None
    try:
        commit = _git(checkout, "rev-parse", "HEAD")
        return {"commit": commit, "dirty": bool(_git(checkout, "status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return None


def _git(checkout: Path, *arguments: str) -> str:
    command = ["git", "-C", str(checkout), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()


def _hardware() -> dict[str, Any]:
    import torch  # here, so that reading a run folder needs no torch

    return {
        "host": platform.node(),
        "platform": platform.platform(),
        "cpu": _cpu_model(),
        "cpu_cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1),
        "gpus": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())
