"""``pwm data inspect``: what a store holds, and whether it is whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pwm.arguments import Parser
from pwm.data.store import Store
from pwm.errors import UserError
from pwm.tables import aligned

BLOCK = 1 << 13
"""Rows that are read together, and reported together where some are damaged."""
HEADER = ("task", "episodes", "steps", "terminated", "R min", "25%", "50%", "75%", "max", "obs", "action")
QUARTILES = (0, 25, 50, 75, 100)
DAMAGED = 1


class Ranges:
    """The smallest and the largest observation and action of each task, and how many episodes were
    terminated."""

    def __init__(self, tasks: int) -> None:
        self.observation = np.full((tasks, 2), [np.inf, -np.inf])
        self.action = np.full((tasks, 2), [np.inf, -np.inf])
        self.terminated = np.zeros(tasks, dtype=np.int64)


def run(argv: list[str]) -> int:
    """``pwm data inspect DIR [--plot FILE]``; returns the exit code: 1 if something is damaged.

    Raises:
        UserError: it is no store, or is refused at opening.
    """
    parser = Parser(
        prog="pwm data inspect",
        description="Tasks, episodes and returns of a store; reads and checks all rows.",
    )
    parser.add_argument("store", type=Path, metavar="DIR")
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw the returns' distribution: .png or .svg"
    )
    arguments = parser.parse_args(argv)
    store = Store(arguments.store)
    ranges, damage = scan(store)
    print(table(store, ranges))
    source = ", ".join(f"{key} {value}" for key, value in store.source.items() if value != "")
    size = sum(file.stat().st_size for file in store.files)
    print(f"\n{len(store.task)} episodes, {size / 1e6:,.1f} MB, {len(store.files)} shards; {source}")
    if arguments.plot is not None:
        plot(store, arguments.plot)
        print(f"returns: {arguments.plot}")
    for line in damage:
        print(f"damaged: {line}")
    if damage:
        print("what is damaged is never handed out; make the store anew, or copy it again")
    return DAMAGED if damage else 0


def scan(store: Store) -> tuple[Ranges, list[str]]:
    """Read every row: the ranges of those that are whole, and a line for each stretch that is not."""
    ranges, damage = Ranges(len(store.tasks)), []
    for number, file in enumerate(store.files):
        mine = np.flatnonzero(store.shard == number)
        mine = mine[np.argsort(store.first[mine])]
        firsts, ends = store.first[mine], store.first[mine] + store.rows[mine]
        total = int(ends.max(initial=0))
        for start in range(0, total, BLOCK):
            words, wrong = store.look(number, start, min(BLOCK, total - start))
            place = np.arange(start, start + len(words))
            of = np.searchsorted(ends, place, side="right")
            damage += _stretches(file, place[wrong], store.layout.row_bytes)
            _widen(ranges, store, words[~wrong], store.task[mine][of][~wrong], (place == firsts[of])[~wrong])
    return ranges, damage


def _stretches(file: Path, rows: NDArray[np.int64], size: int) -> list[str]:
    """Damaged ``rows`` in words, those that follow each other together."""
    parts = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1) if len(rows) else []
    return [
        f"{file.name}, bytes {part[0] * size:,} to {(part[-1] + 1) * size - 1:,} ({len(part):,} rows)"
        for part in parts
    ]


def _widen(
    ranges: Ranges, store: Store, words: NDArray[np.uint32], task: NDArray[np.int64], first: NDArray[np.bool_]
) -> None:
    """Take rows into the ranges; in an episode's ``first`` there is no action."""
    values, terminated = words.view(np.float32), (words[:, -1] & 1).astype(bool)
    for index, sizes in enumerate(store.tasks):
        mine = task == index
        observation = values[mine, : sizes.obs_dim]
        action = values[mine & ~first, store.obs_dim : store.obs_dim + sizes.act_dim]
        for range_, found in ((ranges.observation[index], observation), (ranges.action[index], action)):
            if found.size:
                range_[:] = min(range_[0], found.min()), max(range_[1], found.max())
        ranges.terminated[index] += int(terminated[mine].sum())


def table(store: Store, ranges: Ranges) -> str:
    """A line for each task."""
    rows = []
    for index, task in enumerate(store.tasks):
        mine = store.task == index
        returns = np.percentile(store.returned[mine], QUARTILES) if mine.any() else np.full(5, np.nan)
        rows.append(
            (
                task.name,
                f"{mine.sum():,}",
                f"{(store.rows[mine] - 1).sum():,}",
                f"{ranges.terminated[index]:,}",
                *(f"{value:.1f}" for value in returns),
                "{:.2f} … {:.2f}".format(*ranges.observation[index]),
                "{:.2f} … {:.2f}".format(*ranges.action[index]),
            )
        )
    return "\n".join(aligned([HEADER, *rows], (0,)))


def plot(store: Store, path: Path) -> None:
    """Histograms of the returns of each task's episodes.

    Raises:
        UserError: it cannot be written there.
    """
    from matplotlib.figure import Figure  # takes a second to import

    columns = min(4, len(store.tasks))
    rows = -(-len(store.tasks) // columns)
    figure = Figure(figsize=(3 * columns, 2.2 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).flatten()
    for axis in axes[len(store.tasks) :]:
        axis.set_axis_off()
    for index, (task, axis) in enumerate(zip(store.tasks, axes, strict=False)):
        axis.hist(store.returned[store.task == index], bins=30, color="tab:blue")
        axis.set_title(task.name, fontsize=9)
        axis.tick_params(labelsize=7)
    figure.supxlabel("return of an episode", fontsize=9)
    figure.supylabel("episodes", fontsize=9)
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise UserError(
            f"cannot draw {path}: {error}; name a .png or .svg in a folder that exists"
        ) from error
