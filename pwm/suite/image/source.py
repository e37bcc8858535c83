"""What an image is built from: the files, their digests, and the context that Docker is sent."""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pwm
from pwm.errors import UserError

FILES = ("Dockerfile", "pyproject.toml", "requirements.lock", "README.md", "LICENSE")
FOLDERS = ("configs", "pwm")
INPUTS = "image-inputs"
"""Folder of the context for what this machine needs to reach its package index, and for dflex."""


@dataclass(frozen=True)
class Identity:
    """What a checkout is, and so what an image must carry to have been built from it."""

    version: str
    commit: str
    """Of git; with ``-dirty`` where a file of the image differs from it; ``unknown`` without git."""
    source: str
    """SHA-256 of every file of the image's context."""
    lock: str
    """SHA-256 of requirements.lock."""


def checkout() -> Path:
    """The top of the checkout that this program runs from.

    Raises:
        UserError: it is installed without one.
    """
    top = Path(pwm.__file__).resolve().parent.parent
    if not (top / "Dockerfile").is_file():
        raise UserError("images are built from a checkout of pwm, and this pwm was installed without one")
    return top


def identity(top: Path) -> Identity:
    """The identity of the checkout ``top``."""
    digest = hashlib.sha256()
    for path in files(top):
        executable = b"x" if os.access(path, os.X_OK) else b"-"
        content = hashlib.sha256(path.read_bytes()).digest()
        digest.update(str(path.relative_to(top)).encode() + b"\0" + executable + content)
    lock = hashlib.sha256((top / "requirements.lock").read_bytes()).hexdigest()
    return Identity(pwm.__version__, _commit(top), digest.hexdigest(), lock)


def files(top: Path) -> list[Path]:
    """The files of the image's context, sorted."""
    found = [path for folder in FOLDERS for path in (top / folder).rglob("*") if path.is_file()]
    found = [path for path in found if "__pycache__" not in path.parts and not path.name.endswith(".tmp")]
    return sorted([*found, *(top / name for name in FILES)])


def locked(top: Path, package: str) -> str:
    """The version of ``package`` in requirements.lock."""
    lock = (top / "requirements.lock").read_text(encoding="utf-8")
    found = re.search(rf"^{re.escape(package)}==([^\s;]+)", lock, re.MULTILINE)
    if found is None:
        raise UserError(f"requirements.lock has no {package}; `make lock` renews it")
    return found[1]


def changed_since(top: Path, commit: str) -> list[str]:
    """The files of the image that differ from ``commit``; empty where git does not know that commit."""
    return _git(top, "diff", "--name-only", commit, "--", *FILES, *FOLDERS).splitlines()


def wheels(top: Path) -> list[Path]:
    """Wheels of locked packages, at their locked versions, in the local folders of PIP_FIND_LINKS."""
    folders = [Path(word) for word in os.environ.get("PIP_FIND_LINKS", "").split()]
    lock = (top / "requirements.lock").read_text(encoding="utf-8")
    pins = {
        f"{name.replace('-', '_').lower()}-{version}"
        for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", lock, re.MULTILINE)
    }
    found = [path for folder in folders for path in sorted(folder.glob("*.whl"))]
    return [path for path in found if re.split(r"\+|-(?=cp|py)", path.name.lower())[0] in pins]


def index_settings() -> dict[str, str]:
    """This machine's package index and proxies, as build arguments, but for an index that is a folder."""
    names = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
    found = {name: os.environ.get(name) or os.environ.get(name.lower(), "") for name in names}
    return {name: value for name, value in found.items() if value and not value.startswith("file:")}


def context(top: Path, dflex: Path | None) -> IO[bytes]:
    """A tar archive of the context, with what this machine's pip needs and, if given, dflex's folder."""
    archive = tempfile.TemporaryFile()  # noqa: SIM115 (the caller closes it)
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path in files(top):
            tar.add(path, str(path.relative_to(top)), filter=_anonymous)
        for name, path in _inputs(top, dflex):
            tar.add(path, f"{INPUTS}/{name}", filter=_anonymous)
    archive.seek(0)
    return archive


def folder_context(folder: Path) -> IO[bytes]:
    """A tar archive of the files of ``folder``."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path in sorted(folder.iterdir()):
            if path.is_file():
                tar.add(path, path.name, filter=_anonymous)
    archive.seek(0)
    return archive


def _inputs(top: Path, dflex: Path | None) -> Iterator[tuple[str, Path]]:
    for variable in ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        bundle = Path(os.environ.get(variable, ""))
        if bundle.is_file():
            yield "ca.crt", bundle
            break
    for wheel in wheels(top):
        yield f"wheels/{wheel.name}", wheel
    if dflex is not None:
        yield "dflex", dflex


def _anonymous(item: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Without the owner; readable by everyone, whatever this machine's umask was."""
    if "__pycache__" in item.name:
        return None
    item.uid = item.gid = 0
    item.uname = item.gname = ""
    item.mode = 0o755 if item.isdir() or item.mode & 0o100 else 0o644
    return item


def _commit(top: Path) -> str:
    commit = _git(top, "rev-parse", "HEAD").strip()
    if not commit:
        return "unknown"
    changes = _git(top, "status", "--porcelain", "--", *FILES, *FOLDERS)
    return f"{commit}-dirty" if changes else commit


def _git(top: Path, *arguments: str) -> str:
    """What git prints; nothing where it fails."""
    try:
        done = subprocess.run(
            ["git", "-C", str(top), *arguments], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout
