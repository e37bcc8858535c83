"""A sweep of W&B's as jobs: creates it there, and submits one job per cell (:mod:`pwm.suite.sweeps.cell`)."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

from pwm.config.types import TrainConfig
from pwm.errors import UserError
from pwm.run.wandb_copy import PROJECT
from pwm.suite.slurm import queue, records
from pwm.suite.slurm.cluster_config import Cluster
from pwm.suite.slurm.submit import Submission, array_flags, check_files, cost, known_or_none, left_out
from pwm.suite.sweeps import script
from pwm.suite.sweeps.cell import CELLS


def submit(
    sweep: dict[str, Any], configs: list[TrainConfig], count: int, cluster: Cluster, dry_run: bool
) -> None:
    """Create ``sweep`` at W&B and submit ``count`` jobs, each of which trains one of its runs; ``configs``
    are the runs of a grid, or an example of a search's.

    Raises:
        UserError: some of it is in the queue or done already, or W&B or Slurm refuses.
    """
    name = sweep["name"]
    longest = max(configs, key=lambda config: cluster.hours(config.multitask))
    path, array = script.script_path(name, cluster), list(range(count))
    flags = array_flags(path, cluster, array)
    submission = Submission(longest, path, array, flags, ["entity/project/sweep"])
    folder = Path(cluster.runs) / CELLS / name
    cells = configs if sweep["method"] == "grid" else []
    if dry_run:
        _check_free(name, folder, cells, known_or_none())
        print(cost([submission], cluster))
        print(shlex.join(submission.command()))
        return
    check_files(cluster)
    with records.exclusive(Path(cluster.runs)):
        _check_free(name, folder, cells, queue.jobs())
        print(cost([submission], cluster))
        records.prepare(folder)
        script.write(name, cluster.hours(longest.multitask), cluster)
        created = create(sweep)
        number = queue.submit(path, [created], flags)
        for index in array:
            records.add(folder, f"{number}_{index}", f"submitted to {cluster.name} for {created}")
    print(f"{created}: job {number}, one of the array per cell; `scancel {number}` cancels them")


def create(sweep: dict[str, Any]) -> str:
    """Create ``sweep`` at W&B, which prints its address; returns ``entity/project/sweep``.

    Raises:
        UserError: W&B refuses.
    """
    import wandb

    project = os.environ.get("WANDB_PROJECT", PROJECT)
    try:
        entity = os.environ.get("WANDB_ENTITY") or wandb.Api().default_entity
        return f"{entity}/{project}/{wandb.sweep(sweep, entity=entity, project=project)}"
    except Exception as error:  # whatever W&B raises
        reason = " ".join(str(error).split())
        raise UserError(f"W&B refuses the sweep: {reason}; --local submits a grid without it") from error


def _check_free(name: str, folder: Path, cells: list[TrainConfig], known: dict[str, queue.Job]) -> None:
    """W&B would hand out every cell once more, whatever has become of it."""
    live = [job for job in records.ids(folder) if job in known and known[job].live]
    if live:
        raise UserError(f"the sweep {name} is in the queue, last as job {live[-1]}; wait for it or cancel it")
    taken = [config for config in cells if left_out(config, known)]
    if taken:
        raise UserError(
            f"{len(taken)} of the {len(cells)} runs are done or in the queue, and W&B would hand them out "
            "again; --local submits the others as ordinary jobs"
        )
