"""The command line: ``pwm <command> [--flag …] [key=value …]``."""

from __future__ import annotations

import contextlib
import errno
import importlib
import io
import os
import sys
from typing import NamedTuple

import pwm
from pwm.errors import UserError, choose_from
from pwm.run.screen import discard_output

INTERRUPTED = 130
BROKEN_PIPE = 141
CANNOT_PRINT = (errno.ENOSPC, errno.EIO, errno.EBADF, errno.EDQUOT, errno.EFBIG)


class Command(NamedTuple):
    """Where a command's ``run(argv: list[str]) -> int`` is; imported when it is called."""

    module: str
    function: str
    summary: str


COMMANDS = {
    "train": Command("pwm.commands.train", "run", "train one experiment: pwm train alg=<name> [key=value …]"),
    "pretrain": Command(
        "pwm.commands.pretrain", "run", "a world model from a store: pwm pretrain alg=<name> data=<store>"
    ),
    "eval": Command("pwm.commands.eval", "run", "evaluate a run's checkpoint: pwm eval run=<folder>"),
    "bench": Command("pwm.commands.bench", "run", "measure speed: pwm bench [alg=<name>] [size=<size>]"),
    "gpu": Command("pwm.commands.gpu", "run", "what only a GPU can tell, in some minutes: pwm gpu [--tiny]"),
    "peak-r": Command("pwm.suite.peak_r", "run", "highest return of each experiment: pwm peak-r"),
    "report": Command("pwm.suite.report.report", "run", "compare runs: pwm report [--runs DIR …]"),
    "data": Command("pwm.cli", "data", "stores of episodes: pwm data generate|from-replay|inspect"),
    "image": Command("pwm.suite.image.commands", "run", "its image: pwm image build|sif|inspect|verify"),
    "suite": Command("pwm.cli", "suite", "all experiments: pwm suite demo|jobs|submit|status|logs|cancel"),
}
SUITE = {
    "demo": Command("pwm.suite.demo", "run", "train all eight at demo scale"),
    "mt-demo": Command("pwm.suite.mt_demo", "run", "world models from data alone, and their policies"),
    "extract": Command("pwm.suite.extract", "run", "a policy for each task of a pretrained world model"),
    "jobs": Command("pwm.suite.slurm.jobs", "run", "render the eight batch scripts"),
    "submit": Command("pwm.suite.slurm.submit", "run", "pwm suite submit mt_flow_v2 | st | mt | all"),
    "status": Command("pwm.suite.slurm.status", "run", "jobs and progress in one table"),
    "logs": Command("pwm.suite.slurm.follow", "run", "the newest log: pwm suite logs mt_flow_v2 -f"),
    "rehearse": Command(
        "pwm.suite.rehearsal.rehearsal", "run", "the eight jobs on a pretend Slurm in Docker"
    ),
    "cancel": Command("pwm.suite.slurm.submit", "cancel", "cancel jobs, named as for submit"),
    "sweep": Command("pwm.suite.sweeps.sweep", "run", "submit a sweep: pwm suite sweep multi_task"),
    "draw": Command("pwm.suite.sweeps.cell", "draw", "in a sweep's job: say which run is the job's"),
    "cell": Command("pwm.suite.sweeps.cell", "run", "in a sweep's job: train the job's cell"),
    "sync": Command("pwm.suite.sweeps.sync", "run", "copy to W&B what offline runs left"),
}

DATA = {
    "generate": Command("pwm.commands.data.generate", "run", "episodes of random or trained policies"),
    "from-replay": Command("pwm.commands.data.from_replay", "run", "what a run has in its replay"),
    "inspect": Command("pwm.commands.data.inspect", "run", "what a store holds, and whether it is whole"),
}


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv`` (default: this process's); returns the exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a locale may lack a letter: a run is worth more
            stream.reconfigure(errors="replace")
    try:
        _check_here()
        code = _dispatch(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except UserError as error:
        _complain(f"error: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        _complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone; nothing is left to be told
        discard_output()
        return BROKEN_PIPE
    except OSError as error:
        if error.filename is not None or error.errno not in CANNOT_PRINT:
            raise
        discard_output()
        _complain(f"error: cannot print: {error.strerror}; make room where the output goes")
        return 1


def _check_here() -> None:
    try:
        os.getcwd()
    except OSError:
        raise UserError("the working folder has been deleted; go to another: cd") from None


def _complain(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        print(f"pwm: {text}", file=sys.stderr, flush=True)


def _dispatch(arguments: list[str]) -> int:
    if not arguments:
        raise UserError(f"no command given; choose one of {', '.join(COMMANDS)}, or see `pwm --help`")
    name, *rest = arguments
    if name in ("-h", "--help", "help"):
        print(_help())
        return 0
    if name == "--version":
        print(f"pwm {pwm.__version__}")
        return 0
    return _call("command", name, COMMANDS, rest)


def _call(kind: str, name: str, commands: dict[str, Command], arguments: list[str]) -> int:
    if name not in commands:
        raise choose_from(kind, name, commands)
    command = commands[name]
    function = getattr(importlib.import_module(command.module), command.function)
    return int(function(arguments))


def _help() -> str:
    lines = [f"  {name:<8} {command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "usage: pwm <command> [--flag …] [key=value …]",
            "",
            *lines,
            "",
            "`pwm <command> --help` says more; `pwm --version` prints the version.",
        ]
    )


def suite(argv: list[str]) -> int:
    """``pwm suite <command>``."""
    return _group("suite", SUITE, argv)


def data(argv: list[str]) -> int:
    """``pwm data <command>``."""
    return _group("data", DATA, argv)


def _group(group: str, commands: dict[str, Command], argv: list[str]) -> int:
    """One of the commands of a ``group``, or the list of them."""
    if not argv or argv[0] in ("-h", "--help"):
        width = max(map(len, commands))
        for name, command in commands.items():
            print(f"pwm {group} {name:<{width}} {command.summary}")
        return 0
    return _call(f"{group} command", argv[0], commands, argv[1:])
