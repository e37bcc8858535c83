"""``pwm suite sync``: copies to Weights & Biases what offline runs, lost servers or lost processes left."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from pwm.arguments import Parser
from pwm.errors import UserError
from pwm.run import metrics
from pwm.run.folder import RunFolder
from pwm.run.wandb_copy import State, copy
from pwm.suite import logs
from pwm.suite.sweeps.wandb_server import log_in

RUNS = Path("runs")


def run(argv: list[str]) -> int:
    """Copy the rows that are not at W&B yet, run by run; returns 1 if one was refused.

    Raises:
        UserError: a folder given is missing, or W&B is needed and out of reach.
    """
    parser = Parser(prog="pwm suite sync", description=__doc__)
    parser.add_argument(
        "runs", type=Path, nargs="*", metavar="DIR", help=f"runs, or folders of them ({RUNS})"
    )
    parser.add_argument("--all", action="store_true", help="runs with tracking=disabled, too")
    args = parser.parse_args(argv)
    for root in args.runs:
        if not root.is_dir():
            raise UserError(f"no folder {str(root)!r}; name run folders, or folders of them")
    sources = [source for root in args.runs or [RUNS] for source in logs.find(None, root)]
    reach = functools.cache(_reach)  # one answer for all runs
    outcomes = [_sync(RunFolder(source.path), args.all, reach) for source in sources]
    if not sources:
        print("no runs here")
    return int(not all(outcomes))


def _reach() -> None:
    if not log_in():
        raise UserError("there is no key for W&B: set WANDB_API_KEY, or have `wandb login` write it to netrc")


def _sync(folder: RunFolder, untracked: bool, reach: Callable[[], None]) -> bool:
    """Copy one run and say what was done; False if it could not be."""
    try:
        state, config = State(folder), folder.config()
    except UserError as error:
        print(f"{folder.path}: {error}")
        return False
    rows = metrics.read_metrics(folder.metrics)
    if not (state.exists or untracked or config.tracking != "disabled"):
        print(f"{folder.path}: not tracked (--all copies it)")
    elif folder.in_use:
        print(f"{folder.path}: still training, left alone")
    elif rows and state.online and state.copied >= rows[-1]["epoch"]:
        print(f"{folder.path}: nothing new")
    else:
        reach()
        try:
            copied = copy(folder, "online")
        except Exception as error:  # whatever W&B raises; the other runs may still go
            print(f"{folder.path}: not copied: {' '.join(str(error).split())}")
            return False
        print(f"{folder.path}: copied up to epoch {copied}")
    return True
