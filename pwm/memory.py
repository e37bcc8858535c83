"""The memory of a process that trains on a CPU: how much there is, and how the C library keeps it."""

from __future__ import annotations

import ctypes
import os
import re
import resource
from pathlib import Path

CGROUP, CGROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Of ``mallopt`` in glibc's malloc.h."""


def keep_freed_memory() -> bool:
    """Let freed memory stay with the process, whatever its size; returns whether the C library can.

    glibc maps every block above 32 MiB afresh and gives it back when freed, so that each of the temporaries
    of a large batch costs a page fault every 4 KiB: a third to a half of an update. The process then stays as
    large as it was at its largest.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and mallopt(M_MMAP_MAX, 0) == 1 == mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def total_memory() -> int:
    """Bytes of this machine, or as many as the process's control groups leave of them."""
    found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    try:
        groups = CGROUP.read_text(encoding="utf-8").split()
    except OSError:
        groups = []
    for line in groups:  # <number>:<controllers>:<path>
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        root, name = ("memory", "memory.limit_in_bytes") if controllers else ("", "memory.max")
        if controllers and "memory" not in controllers.split(","):
            continue
        folder = CGROUPS / root / path.strip("/")
        for place in (folder, *folder.parents):
            try:
                found.append(int((place / name).read_text(encoding="utf-8")))
            except (OSError, ValueError):  # no such group here, or no limit
                continue
    return min(found)


def bound_memory() -> None:
    """Let this process have no more than there is: asking for more then fails and can be told, where the
    kernel would promise it and kill whoever uses it."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    total = total_memory()
    resource.setrlimit(
        resource.RLIMIT_DATA, (total if hard == resource.RLIM_INFINITY else min(total, hard), hard)
    )


def shortage(error: BaseException) -> str | None:
    """Where ``error`` is that of an allocation: what was asked for and what there is, in words."""
    told = str(error).lower()
    words = ("out of memory", "not enough memory", "can't allocate", "storage size")
    if not (isinstance(error, MemoryError) or any(each in told for each in words)):
        return None
    asked = re.search(r"allocate (\d+) bytes", told)
    wanted = f"{int(asked[1]) / 1e9:,.1f} GB at once" if asked else "more than there is"
    return f"it needs {wanted}, and this machine has {total_memory() / 1e9:,.0f} GB"
