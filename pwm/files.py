"""Files, whole."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
from pathlib import Path


def replace_text(path: Path, text: str) -> None:
    """Make ``text`` the content of ``path``, whole or not at all."""
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def remedy(error: OSError) -> str:
    """What lets a write succeed that failed with ``error``."""
    if error.errno == errno.EFBIG:
        return "raise the limit on the size of files (ulimit -f)"
    return "make it writable" if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) else "make room"


def set_aside(path: Path, why: str) -> Path:
    """Give ``path`` a free name beside it, ``<name>.<why>`` or that with a number; returns the name."""
    names = (path.with_name(f"{path.name}.{why}{number or ''}") for number in itertools.count())
    free = next(name for name in names if not name.exists())
    os.replace(path, free)
    return free


def sha256(path: Path) -> str:
    """Of the content of ``path``, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
