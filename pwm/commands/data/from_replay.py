"""``pwm data from-replay``: a store of what a run has in its replay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pwm.arguments import Parser
from pwm.commands.data.collect import tasks_of
from pwm.config.compose import from_keys
from pwm.config.types import TrainConfig
from pwm.data.shards import Episode, Task, Writer
from pwm.errors import UserError
from pwm.learning.build import build_env
from pwm.run.checkpoint import REPLAY, Checkpoints
from pwm.run.folder import RunFolder

PER_PIECE = 16
"""Environments whose transitions make a shard."""


@dataclass
class FromReplayConfig:
    """Whose replay, and where to."""

    run: str
    data: str


def run(argv: list[str]) -> int:
    """``pwm data from-replay run=<folder> data=<folder>``; returns the exit code.

    Raises:
        UserError: there is no such run or no replay, or the store cannot be written.
    """
    parser = Parser(
        prog="pwm data from-replay",
        description="Make a store of the transitions in a run's replay, those of its newest checkpoint. Its "
        "episodes are cut where the replay begins and ends.",
    )
    parser.add_argument("overrides", nargs="+", metavar="key=value", help="run=<folder> data=<folder>")
    config = from_keys(FromReplayConfig, parser.parse_args(argv).overrides)
    folder = RunFolder(config.run)
    trained = folder.config()
    rings, epoch = _replays(folder, trained.num_processes)
    tasks = _tasks(trained, rings[0]["ring"])
    source = {"kind": "replay", "run": config.run, "epoch": epoch}
    with Writer(Path(config.data), tasks, source) as writer:
        for process, ring in enumerate(rings):
            of = _task_of_each(trained, ring["ring"]["reward"].shape[1])
            for first in range(0, len(of), PER_PIECE):
                name = f"process {process}, environments from {first}"
                if not writer.has(name):
                    writer.write(name, _episodes(ring, of[first : first + PER_PIECE], first, tasks))
        writer.finish()
        print(f"finished {writer.path}: {writer.episodes} episodes of {config.run}, epoch {epoch}")
    return 0


def _replays(folder: RunFolder, processes: int) -> tuple[list[dict[str, Any]], int]:
    """Every process's replay in the newest checkpoint, and its epoch."""
    loaded = Checkpoints(folder.checkpoints).load_latest()
    if loaded is None or REPLAY not in loaded[0]:
        raise UserError(f"{folder.checkpoints} holds no checkpoint with a replay; train first")
    state, epoch = loaded
    rings = list(state[REPLAY])
    for rank in range(1, processes):
        other = Checkpoints(folder.checkpoints, rank).load_latest(until=epoch)
        if other is None or other[1] != epoch:
            raise UserError(f"{folder.checkpoints} lacks the replay of process {rank} after epoch {epoch}")
        rings += other[0][REPLAY]
    return rings, epoch


def _tasks(config: TrainConfig, ring: dict[str, Any]) -> list[Task]:
    if len(config.tasks) == 1:  # no simulator is needed to know
        return [Task(config.tasks[0], ring["observation"].shape[2], ring["action"].shape[2])]
    return tasks_of(build_env(config, len(config.tasks), torch.device("cpu"), seed=0))


def _task_of_each(config: TrainConfig, num_envs: int) -> list[int]:
    """The task of each environment of a process."""
    shares = np.array(config.env_shares or [1] * len(config.tasks))
    return list(np.repeat(np.arange(len(shares)), shares * (num_envs // shares.sum())))


def _episodes(replay: dict[str, Any], of: list[int], first: int, tasks: list[Task]) -> Iterator[Episode]:
    """The stretches of each environment, from number ``first`` on, in which a step follows the one before."""
    ring = {key: value.numpy() for key, value in replay["ring"].items()}
    rows = len(ring["reward"])
    order = (np.arange(rows) + (replay["written"] % rows if replay["written"] > rows else 0)) % rows
    for column, task in enumerate(of, start=first):
        mine = {key: value[order, column] for key, value in ring.items()}
        follows = (mine["final_observation"][:-1] == mine["observation"][1:]).all(1)
        follows &= ~mine["terminated"][:-1] & mine["stored"][:-1]
        ends = np.flatnonzero(~np.append(follows, False)) + 1
        for start, end in zip([0, *ends[:-1]], ends, strict=True):
            stretch = slice(start, end)
            if mine["stored"][stretch].all():
                last = mine["final_observation"][end - 1 : end]
                seen = np.concatenate([mine["observation"][stretch], last])
                yield Episode(
                    int(task),
                    seen[:, : tasks[task].obs_dim],
                    mine["action"][stretch, : tasks[task].act_dim],
                    mine["reward"][stretch],
                    mine["terminated"][stretch],
                )
