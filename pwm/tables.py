"""Tables of text."""

from __future__ import annotations

from collections.abc import Collection


def aligned(rows: list[tuple[str, ...]], left: Collection[int]) -> list[str]:
    """Columns of equal width: those numbered in ``left`` on the left, the others, numbers, on the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if index in left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
