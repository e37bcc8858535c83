"""``pwm data generate``: a store of episodes of any environments, by random or by trained policies."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pwm.arguments import Parser
from pwm.commands.data.collect import Policy, episodes, tasks_of
from pwm.commands.restore import restore
from pwm.config.compose import environments, from_keys
from pwm.data.shards import Episode, Writer
from pwm.envs import make, make_tasks
from pwm.envs.base import VectorEnv
from pwm.errors import UserError, choose_from
from pwm.learning.build import Spaces, build_env
from pwm.run.checkpoint import Checkpoints
from pwm.run.folder import RunFolder

TOGETHER = 64
"""Episodes of a task that are made together, and make a shard."""
CORRELATIONS = (0.0, 0.5, 0.8, 0.95)
"""From one random action to the next; an episode has one of them."""
SCALES = (0.3, 1.2)
"""Deviations of random actions, uniform in between; an episode has one."""


@dataclass
class GenerateConfig:
    """What a store is made of."""

    data: str
    tasks: list[str] = field(default_factory=list)
    run: str = ""
    episodes: int = 100
    seed: int = 0


class Piece(NamedTuple):
    """A shard's worth of episodes."""

    name: str
    make: Callable[[], tuple[VectorEnv, Policy]]
    """Environments, one for each episode, and who acts in them."""
    numbers: list[int]
    """The store's number of each of their tasks."""
    seed: int


def run(argv: list[str]) -> int:
    """``pwm data generate data=<folder> tasks=[…] | run=<folder> …``; returns the exit code.

    Raises:
        UserError: a key or value is wrong, or the store cannot be written.
    """
    parser = Parser(
        prog="pwm data generate",
        description="Make a store of whole episodes. The same command goes on where it was stopped.",
        epilog="data=DIR: the store. tasks=[a,b]: environments, acted in at random. run=FOLDER: instead, all "
        "checkpoints of that run in turn, acting as in training. episodes=100: of each task. seed=0.",
    )
    parser.add_argument("overrides", nargs="+", metavar="key=value")
    config = from_keys(GenerateConfig, parser.parse_args(argv).overrides)
    if config.episodes < 1:
        raise UserError(f"episodes={config.episodes}: expected at least 1")
    if bool(config.tasks) == bool(config.run):
        raise UserError("say tasks=[…] for random policies, or run=<folder> for a run's; one of the two")
    pieces, env = _of_run(config) if config.run else _at_random(config)
    source = {"kind": "generated", "run": config.run, "episodes": config.episodes, "seed": config.seed}
    with Writer(Path(config.data), tasks_of(env), source) as writer:
        fill(writer, pieces)
    return 0


def fill(writer: Writer, pieces: list[Piece]) -> None:
    """Write those ``pieces`` that are not there yet, and finish the store; a finished one stays as it is."""
    for number, piece in enumerate(pieces, start=1):
        if writer.complete or writer.has(piece.name):
            continue
        began, count = time.monotonic(), [0, 0]
        torch.manual_seed(piece.seed)
        env, policy = piece.make()
        writer.write(piece.name, _counted(episodes(env, policy, piece.numbers), count))
        seconds = time.monotonic() - began
        print(
            f"[{number}/{len(pieces)}] {piece.name}: "
            f"{count[0]} episodes, {count[1]:,} steps, {seconds:.1f} s",
            flush=True,
        )
    writer.finish()
    print(f"finished {writer.path}: {writer.episodes} episodes")


def _counted(found: Iterator[Episode], count: list[int]) -> Iterator[Episode]:
    for episode in found:
        count[0] += 1
        count[1] += len(episode.reward)
        yield episode


def _parts(number: int) -> list[int]:
    """``number`` episodes in parts that are made together."""
    whole, rest = divmod(number, TOGETHER)
    return [TOGETHER] * whole + [rest] * (rest > 0)


def _seed(*of: int) -> int:
    return int(np.random.SeedSequence(of).generate_state(1)[0])


def _at_random(config: GenerateConfig) -> tuple[list[Piece], VectorEnv]:
    for task in config.tasks:
        if task not in environments():
            raise choose_from("task", task, environments())

    def piece(index: int, part: int, number: int) -> Piece:
        task, seed = config.tasks[index], _seed(config.seed, index, part)

        def made() -> tuple[VectorEnv, Policy]:
            env = make(task, num_envs=number, seed=seed)
            return env, RandomPolicy(number, env.act_dim)

        return Piece(f"{task}, part {part}", made, [index], seed)

    return [
        piece(index, part, number)
        for index in range(len(config.tasks))
        for part, number in enumerate(_parts(config.episodes))
    ], make_tasks(config.tasks, num_envs=len(config.tasks))


class RandomPolicy:
    """Gaussian actions that keep, from one step to the next, a part of what they were (an AR(1) process)."""

    def __init__(self, num_envs: int, act_dim: int) -> None:
        self._shape = (num_envs, act_dim)
        self._noise = torch.zeros(self._shape)
        self._keep = torch.tensor(CORRELATIONS)[torch.randint(len(CORRELATIONS), (num_envs, 1))]
        self._new = (1 - self._keep.square()).sqrt()
        low, high = SCALES
        self._scale = low + (high - low) * torch.rand(num_envs, 1)

    def __call__(self, observation: Tensor) -> Tensor:
        self._noise = self._keep * self._noise + self._new * torch.randn(self._shape)
        return (self._scale * self._noise).clamp(-1.0, 1.0).to(observation.device)


def _of_run(config: GenerateConfig) -> tuple[list[Piece], VectorEnv]:
    """The checkpoints that a run has kept, in turn."""
    folder, device = RunFolder(config.run), torch.device("cpu")
    trained = folder.config()
    if trained.stage != "train":
        raise UserError(f"run={config.run}: expected an online training, not one of stage={trained.stage}")
    states = Checkpoints(folder.checkpoints).all()
    if not states:
        raise UserError(f"{folder.checkpoints} holds no checkpoint; train first, or say tasks=[…]")
    tasks = len(trained.tasks)
    whole, more = divmod(config.episodes, len(states))

    def piece(order: int, part: int, number: int) -> Piece:
        (epoch, state), seed = states[order], _seed(config.seed, order, part)

        def made() -> tuple[VectorEnv, Policy]:
            env = build_env(trained, number * tasks, device, seed)
            agent = restore(trained, Spaces.of(env), device, state)
            return env, lambda observation: agent.act(observation, env.task)

        return Piece(f"epoch {epoch}, part {part}", made, list(range(tasks)), seed)

    return [
        piece(order, part, number)
        for order in range(len(states))
        for part, number in enumerate(_parts(whole + (order < more)))
    ], build_env(trained, tasks, device, seed=0)
