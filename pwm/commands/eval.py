"""``pwm eval``: evaluate a run's checkpoint on the real environments."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from pwm.arguments import Parser
from pwm.commands.restore import restore
from pwm.config.compose import environments
from pwm.config.types import TrainConfig
from pwm.config.validate import validate
from pwm.errors import UserError
from pwm.evaluation import gradient_quality, model_quality, video
from pwm.evaluation.closed_loop import EVALUATION_SEED, Evaluation, Evaluator
from pwm.learning.build import Spaces, build_env, resolve_device
from pwm.run.checkpoint import Checkpoints
from pwm.run.folder import RunFolder

STRETCHES = 8
"""Per environment, to fit the decoder, to test, and to compare gradients."""
DIRECTIONS = 8
"""In which a stretch's actions are moved."""


def run(argv: list[str]) -> int:
    """``pwm eval run=<folder>``; returns the exit code.

    Raises:
        UserError: no run there, no readable checkpoint, or a bad option.
    """
    arguments = _parse(argv)
    folder = RunFolder(arguments.run)
    config = replace(folder.config(), device=arguments.device, eval_episodes=arguments.episodes)
    validate(config, environments())
    state, epoch = _load(Checkpoints(folder.checkpoints), arguments.best)
    seed = config.seed + EVALUATION_SEED if arguments.seed is None else arguments.seed
    print(f"{config.name}: {folder.path}, {'best' if arguments.best else 'latest'} checkpoint, epoch {epoch}")
    if arguments.world_model:
        return _world_model(folder, config, state, epoch, seed)
    path = None
    if arguments.video is not None:
        path = Path(arguments.video) if arguments.video else folder.videos / video.default_name(epoch, seed)
        video.prepare(path, config.tasks)
    if config.stage == "pretrain":
        raise UserError(
            f"{folder.path} holds a world model and no policy: `pwm train world_model={folder.path} task=…` "
            "extracts one; --world-model evaluates the model"
        )
    spaces = _spaces(config, state)
    env = build_env(config, config.eval_episodes, resolve_device(config.device), seed, spaces=spaces)
    film = video.Film(env, path) if path else None
    evaluation = Evaluator(env)(
        restore(config, Spaces.of(env), env.device, state), watch=film.watch if film else None
    )
    _print(evaluation, env.tasks)
    if film:
        film.write()
        print(f"the first episode of each task: {film.path}")
    return 0


def _print(evaluation: Evaluation, tasks: tuple[str, ...]) -> None:
    width = max(12, 1 + max(map(len, tasks)))
    print(f"{'task':<{width}}{'episodes':>9}{'return':>11}{'std':>9}{'length':>8}{'m/s':>8}")
    for index, task in enumerate(tasks):
        mine = evaluation.task == index
        if not mine.any():  # a policy of one of several tasks
            continue
        returns, velocity = evaluation.returns[mine], evaluation.forward_velocity[mine].mean()
        print(
            f"{task:<{width}}{len(returns):>9}{returns.mean():>11.2f}{returns.std(correction=0):>9.2f}"
            f"{evaluation.length[mine].mean():>8.1f}{velocity:>8.3f}"
        )


def _spaces(config: TrainConfig, state: dict[str, Any]) -> Spaces | None:
    """Those that a pretrained world model has from its store; None where they are the environment's."""
    return None if config.stage == "train" else Spaces.of_state(config, state["agent"])


def _world_model(folder: RunFolder, config: TrainConfig, state: dict[str, Any], epoch: int, seed: int) -> int:
    """Measure predictions and gradients, print them and keep them in the run folder."""
    device = resolve_device(config.device)
    torch.manual_seed(seed)
    spaces = _spaces(config, state)
    envs = [
        build_env(config, config.eval_episodes, device, seed + offset, spaces=spaces) for offset in (0, 1)
    ]
    agent = restore(config, Spaces.of(envs[0]), device, state)
    fit, test = (model_quality.gather(agent, env, STRETCHES) for env in envs)
    slopes = gradient_quality.gather(
        agent, envs[1], STRETCHES, model_quality.HORIZON, DIRECTIONS, config.gamma
    )
    if not (fit.task.numel() and test.task.numel() and slopes.task.numel()):
        raise UserError(
            f"no stretch of {model_quality.HORIZON} steps without an end of episode: give more --episodes"
        )
    measured = model_quality.measure(agent, fit, test, slopes, config.gamma)
    print(
        f"{test.task.numel()} stretches; after 1, 4, 8 and 16 open-loop steps the mean squared error / "
        "variance,\nand the cosine of the imagined return's gradient with the real one's"
    )
    print(f"{'substeps':<9}" + "".join(f"{kind:>28}" for kind in next(iter(measured.values()))))
    for substeps, kinds in measured.items():
        shown = (" ".join(f"{curve[step - 1]:6.3f}" for step in (1, 4, 8, 16)) for curve in kinds.values())
        print(f"{substeps:<9}" + "".join(f"{text:>28}" for text in shown))
    model_quality.save(folder, epoch, config.flow_substeps, measured)
    return 0


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = Parser(prog="pwm eval", description="Evaluate a run's checkpoint, closed loop, deterministic.")
    parser.add_argument("run", metavar="run=<folder>", help="the run's folder")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--world-model", action="store_true", help="how well it predicts, open loop; pwm report shows it too"
    )
    instead.add_argument(
        "--video",
        nargs="?",
        metavar="FILE",
        help="also draw the first episode of each task: --video=FILE, a .mp4 (by ffmpeg) or .gif "
        "(default: <folder>/videos/<epoch>-s<seed>)",
    )
    parser.add_argument("--best", action="store_true", help="the best checkpoint instead of the latest")
    parser.add_argument("--episodes", type=int, default=32, help="episodes, over all tasks (default 32)")
    parser.add_argument("--seed", type=int, help="seed of the start states (default: the training's own)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default auto)")
    # A bare --video takes nothing from what follows it.
    arguments = parser.parse_args(["--video=" if argument == "--video" else argument for argument in argv])
    if arguments.episodes < 1:
        raise UserError(f"--episodes {arguments.episodes}: expected at least 1")
    if arguments.seed is not None and not 0 <= arguments.seed < 2**32:
        raise UserError(f"--seed {arguments.seed}: expected at least 0 and less than 2**32")
    arguments.run = os.path.expanduser(arguments.run.removeprefix("run="))
    return arguments


def _load(checkpoints: Checkpoints, best: bool) -> tuple[dict[str, Any], int]:
    loaded = checkpoints.load_best() if best else checkpoints.load_latest(replay=False)
    for warning in checkpoints.warnings:
        print(f"warning: {warning}")
    if loaded is None:
        raise UserError(
            f"{checkpoints.folder} holds no checkpoint yet; train first, or wait for the first one"
        )
    return loaded
