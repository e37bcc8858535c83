"""Which package registry is used is the machine's to say, not the repository's."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# In parts, so that this file names none either.
HOSTS = [
    ".".join(parts)
    for parts in (
        ("deb", "debian", "org"), ("security", "debian", "org"), ("ftp", "debian", "org"),
        ("archive", "ubuntu", "com"), ("pypi", "org"), ("files", "pythonhosted", "org"),
        ("registry", "npmjs", "org"), ("conda", "anaconda", "org"), ("registry-1", "docker", "io"),
    )
]  # fmt: skip


def test_no_file_names_the_host_of_a_registry() -> None:
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    host = re.compile("|".join(map(re.escape, HOSTS)))
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if path.is_file():
            assert not host.search(path.read_text(errors="replace")), name
