"""``pwm suite logs``: the newest log of an experiment, and what is added to it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from pwm.arguments import Parser
from pwm.errors import UserError
from pwm.suite import experiments
from pwm.suite.folders import run_folders
from pwm.suite.logs import LOG_NAME, changed
from pwm.suite.slurm import cluster_config, records
from pwm.suite.slurm.cluster_config import Cluster

POLL_S = 1.0
TAIL_BYTES = 1 << 16


def run(argv: list[str]) -> int:
    """Print the last lines of the newest log; with ``-f`` go on printing, from a newer log once there is one.

    Raises:
        UserError: there is no such experiment, or no log of it.
    """
    parser = Parser(prog="pwm suite logs", description="Show the newest log of an experiment.")
    parser.add_argument("name", help="the experiment")
    parser.add_argument("-f", "--follow", action="store_true", help="go on until interrupted")
    parser.add_argument("-n", "--lines", type=int, default=20, help="how many of the last lines (20)")
    parser.add_argument("--err", action="store_true", help="what went to stderr")
    parser.add_argument("--seed", type=int, help="of this seed's jobs only")
    cluster_config.add_argument(parser)
    args = parser.parse_args(argv)
    chosen = experiments.select([args.name])
    if len(chosen) > 1:
        raise UserError(f"{args.name} are {len(chosen)} experiments: name one of {', '.join(chosen)}")
    name = chosen[0]
    cluster = cluster_config.load(args.cluster)
    suffix = ".err" if args.err else ".out"
    path = _newest(cluster, name, suffix, args.seed)
    if path is None:
        raise UserError(
            f"no log of {name} in {cluster.logs}; `pwm suite status` shows whether its job has started"
        )
    offset = _show_end(path, args.lines)
    while args.follow:
        time.sleep(POLL_S)
        for chunk in _added(path, offset):
            offset += len(chunk)
            print(chunk.decode(errors="replace"), end="", flush=True)
        following = _newest(cluster, name, suffix, args.seed)
        if following not in (None, path):
            path, offset = following, 0
            print(f"==> {path} <==", flush=True)
    return 0


def _newest(cluster: Cluster, name: str, suffix: str, seed: int | None) -> Path | None:
    """The log of the experiment ``name`` that changed last. A sweep's logs are named after the sweep, and one
    seed's not at all: they are known by the jobs of the run folder."""
    runs = run_folders(Path(cluster.runs), [name])
    ends = [
        f"_{job}" for (_, number), run in runs.items() if seed in (None, number) for job in records.ids(run)
    ]
    found = []
    for path in Path(cluster.logs).glob(f"*{suffix}"):
        named = LOG_NAME.fullmatch(f"{path.stem}.out")
        own = seed is None and named is not None and named["experiment"] == name
        if own or path.stem.endswith(tuple(ends)):
            found.append((changed(path), path.name, path))
    return max(found)[2] if found else None


def _show_end(path: Path, lines: int) -> int:
    """Print the last ``lines`` of ``path``; returns where it ended."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL_BYTES))
            text = file.read(TAIL_BYTES).decode(errors="replace")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    print(f"==> {path} <==")
    print("".join(text.splitlines(keepends=True)[-lines:] if lines > 0 else []), end="", flush=True)
    return size


def _added(path: Path, offset: int) -> Iterator[bytes]:
    """What ``path`` holds after ``offset``; nothing where it has gone, for its job may write another."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(offset)
        while chunk := file.read(TAIL_BYTES):
            yield chunk
