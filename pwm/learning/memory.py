"""How the C library keeps the memory of a process that trains on a CPU."""

from __future__ import annotations

import ctypes

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
