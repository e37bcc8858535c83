"""Where dflex's compiled kernels lie, and whether a build of them fits this machine.

Left alone, dflex compiles its kernels into its own package, for an architecture that CUDA 13 no longer
knows, and takes any kernels that it finds there for good. Here a build carries a stamp of what it was made
for and appears in its place whole, by a rename: a build that was killed leaves nothing to wait for.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import mkdtemp

import torch

from pwm.errors import UserError

STAMP = "pwm.json"
_BUILDING = ".building-"
_ABANDONED_AFTER = 24 * 3600.0  # seconds
Capability = tuple[int, int]


@dataclass(frozen=True)
class Need:
    """What kernels must have been built from and for, to be of use here."""

    source: str
    """Digest of the dflex package's code."""
    torch: str
    python: str
    machine: str
    """Processor and C library."""
    architectures: tuple[str, ...]
    """CUDA architectures, as in TORCH_CUDA_ARCH_LIST; empty: the CPU alone."""

    def met_by(self, stamp: Need) -> bool:
        """Whether kernels with ``stamp`` serve this need; more architectures than needed are welcome."""
        covered = all(
            any(_runs_on(built, device) for built in stamp.architectures) for device in self.architectures
        )
        return covered and replace(self, architectures=()) == replace(stamp, architectures=())

    def cuda_flags(self) -> list[str]:
        """nvcc's flags for the architectures."""
        flags = []
        for architecture in self.architectures:
            major, minor = _capability(architecture)
            number = f"{major}{minor}"
            flags.append(f"-gencode=arch=compute_{number},code=sm_{number}")
            if architecture.endswith("+PTX"):
                flags.append(f"-gencode=arch=compute_{number},code=compute_{number}")
        return flags


def needed(package: Path) -> Need:
    """What is needed for the dflex in the folder ``package`` here: the present GPUs' architectures, without
    a GPU those of TORCH_CUDA_ARCH_LIST, so that kernels can be built on a machine that has none."""
    digest = hashlib.sha256()
    for path in sorted([*package.glob("*.py"), *package.glob("*.h")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return Need(
        source=digest.hexdigest(),
        torch=torch.__version__,
        python=sys.implementation.cache_tag,
        machine=" ".join([platform.machine(), *platform.libc_ver()]),
        architectures=_architectures(),
    )


def stamp_of(folder: Path) -> Need | None:
    """The stamp of the kernels in ``folder``; None where there are none, or none with a stamp."""
    try:
        values = json.loads((folder / STAMP).read_text(encoding="utf-8"))
        return Need(**{**values, "architectures": tuple(values["architectures"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def cache() -> Path:
    """The writable place for kernels that do not fit into the package: torch's own for extensions."""
    from torch.utils.cpp_extension import get_default_build_root

    return Path(os.environ.get("TORCH_EXTENSIONS_DIR") or get_default_build_root()) / "dflex"


def places(package: Path, need: Need) -> list[Path]:
    """Folders that may hold kernels for ``need``, the best first."""
    fingerprint = hashlib.sha256(json.dumps(asdict(need)).encode()).hexdigest()[:16]
    return [package / "kernels", cache() / fingerprint / "kernels"]


def find(package: Path, need: Need) -> Path | None:
    """The folder of kernels that meet ``need``, if there is one."""
    for folder in places(package, need):
        stamp = stamp_of(folder)
        if stamp is not None and need.met_by(stamp):
            return folder
    return None


@contextmanager
def building(package: Path, need: Need) -> Iterator[tuple[Path, Path]]:
    """A temporary folder to build kernels in, and the folder it becomes when the block ends well.

    The kernels go into the package where it is writable and has none yet, else into :func:`cache`.

    Raises:
        UserError: nowhere to write to.
    """
    own, cached = places(package, need)
    target = own if os.access(package, os.W_OK) and not own.exists() else cached
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_left_overs(target.parent)
        work = Path(mkdtemp(prefix=_BUILDING, dir=target.parent))
    except OSError as error:
        place = f"neither {package} nor {cached.parent} can be written to ({error.strerror})"
        raise UserError(
            f"dflex's kernels must be compiled, but {place}; set TORCH_EXTENSIONS_DIR to a writable folder"
        ) from error
    built = work / "kernels"
    try:
        yield built, target
        (built / STAMP).write_text(json.dumps(asdict(need), indent=2) + "\n", encoding="utf-8")
        with suppress(OSError):  # another process was faster: its kernels are as good
            built.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def one_builder() -> Iterator[None]:
    """Let one process of this user build at a time; the lock ends with its process, however that ends.

    It saves work and is not needed for correctness: a file system that cannot lock does without.
    """
    try:
        cache().mkdir(parents=True, exist_ok=True)
        descriptor = os.open(cache() / "lock", os.O_RDWR | os.O_CREAT)
    except OSError:
        yield
        return
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove_left_overs(folder: Path) -> None:
    """Remove what builds that were killed left in ``folder``; a build takes minutes."""
    for work in folder.glob(f"{_BUILDING}*"):
        if time.time() - work.stat().st_mtime > _ABANDONED_AFTER:
            shutil.rmtree(work, ignore_errors=True)


def _architectures() -> tuple[str, ...]:
    if torch.version.cuda is None:
        return ()
    if torch.cuda.is_available():
        present = {torch.cuda.get_device_capability(index) for index in range(torch.cuda.device_count())}
        return tuple(f"{major}.{minor}" for major, minor in sorted(present))
    listed = re.split(r"[;,\s]+", os.environ.get("TORCH_CUDA_ARCH_LIST", "").strip())
    for architecture in filter(None, listed):
        if not re.fullmatch(r"\d+\.\d(\+PTX)?", architecture):
            raise UserError(
                f"TORCH_CUDA_ARCH_LIST holds {architecture!r}; expected such as '8.9' or '8.0;9.0+PTX'"
            )
    return tuple(sorted(filter(None, listed)))


def _capability(architecture: str) -> Capability:
    major, minor = architecture.removesuffix("+PTX").split(".")
    return int(major), int(minor)


def _runs_on(built: str, device: str) -> bool:
    """Whether code for ``built`` runs on ``device``: later minor versions take it, PTX all later ones."""
    have, need = _capability(built), _capability(device)
    return have <= need if built.endswith("+PTX") else have[0] == need[0] and have[1] <= need[1]
