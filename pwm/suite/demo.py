"""``pwm suite demo``: train every experiment of the suite at demo scale, then compare their peak returns.

Each experiment is a ``pwm train alg=<name> scale=demo`` of its own, so an interrupted demo goes on where it
stopped, and a finished one only prints its table again.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import TextIO

from pwm.arguments import Parser
from pwm.config.compose import compose
from pwm.errors import UserError
from pwm.interpreter import PYTHON
from pwm.run.signals import LAUNCHER
from pwm.suite import experiments, logs, peak_r

TRAIN = (*PYTHON, "-u", "-m", "pwm", "train")
OF_EACH = ("alg", "name", "run")
"""Keys of which every experiment has its own value."""
EPOCH = re.compile(r"\[\s*(\d+)/(\d+)\]")
KEPT_LINES = 15  # of a training that failed


def run(argv: list[str]) -> int:
    """Train, show progress and print the table; ``argv`` holds overrides for every experiment.

    Raises:
        UserError: an override is wrong, or a training failed.
    """
    parser = Parser(prog="pwm suite demo", description=__doc__)
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="e.g. seed=1, for every experiment")
    overrides = ["scale=demo", *parser.parse_args(argv).overrides]
    for override in overrides:
        if override.partition("=")[0] in OF_EACH:
            raise UserError(f"{override!r}: the demo trains all eight; `pwm train {override} …` trains one")
    names = experiments.names()
    folders = [Path(compose([f"alg={name}", *overrides]).run) for name in names]
    start = time.monotonic()
    display = Display(sys.stdout, len(names))
    for index, name in enumerate(names):
        display.begin(index, name)
        _show([*TRAIN, f"alg={name}", *overrides], display)
    display.end()
    print(f"\nPeak R of the demo ({time.monotonic() - start:.0f} s; random Ants reach 100 to 126):\n")
    print(peak_r.table([logs.run_source(folder) for folder in folders]))
    roots = ", ".join(sorted({str(folder.parent) for folder in folders}))
    print(f"\nResults: {roots} (one folder each: config.yaml, metrics.jsonl, train.log, checkpoints).")
    return 0


def _show(command: list[str], display: Display) -> None:
    """Run one training and show its output; its last lines are part of the error when it fails."""
    last: deque[str] = deque(maxlen=KEPT_LINES)
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, LAUNCHER: str(os.getpid())},  # it ends with this one, and saves
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            last.append(line.rstrip())
            display.line(line.rstrip())
        code = process.wait()
    except KeyboardInterrupt:
        process.wait()  # Ctrl-C reached it too, and it may be saving
        raise
    if code:
        display.failed(list(last))
        raise UserError(f"`pwm {' '.join(command[len(TRAIN) - 1 :])}` ended with exit code {code}")


class Display:
    """The progress of ``total`` trainings: one bar on a terminal, every line of theirs anywhere else."""

    def __init__(self, out: TextIO, total: int) -> None:
        self.out, self.total = out, total
        self.index, self.name = 0, ""
        self.bar = out.isatty()

    def begin(self, index: int, name: str) -> None:
        """Training number ``index``, counted from 0, begins."""
        self.index, self.name = index, name
        if self.bar:
            self._draw(0.0, "starting")
        else:
            self._print(f"[{index + 1}/{self.total}] {name}")

    def line(self, text: str) -> None:
        """The training printed ``text``."""
        epoch = EPOCH.search(text)
        if not self.bar:
            self._print(f"{self.name}: {text}")
        elif epoch:
            self._draw(int(epoch[1]) / max(1, int(epoch[2])), text[epoch.start() :])

    def failed(self, lines: list[str]) -> None:
        """The training failed, and these were its last lines."""
        if self.bar:
            self._print("", *lines)

    def end(self) -> None:
        """All trainings are done."""
        if self.bar:
            self.index = self.total
            self._draw(0.0, "done")
            self._print()

    def _draw(self, fraction: float, text: str) -> None:
        done = (self.index + min(1.0, fraction)) / self.total
        bar = f"{'#' * round(24 * done):-<24} {done:4.0%}"
        count = f"{min(self.index + 1, self.total)}/{self.total}"
        columns = max(20, shutil.get_terminal_size().columns - 1)
        self.out.write("\r" + f"{bar}  {count} {self.name}  {text}"[:columns].ljust(columns))
        self.out.flush()

    def _print(self, *lines: str) -> None:
        print(*lines or ("",), sep="\n", file=self.out, flush=True)
