"""``pwm eval``: evaluate a run's checkpoint on the real environments."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import torch

from pwm.algorithms.agent import Agent
from pwm.arguments import Parser
from pwm.envs.base import VectorEnv
from pwm.errors import UserError
from pwm.training import model_quality
from pwm.training.build import build_agent, build_env, resolve_device
from pwm.training.checkpoint import Checkpoints
from pwm.training.config import TrainConfig
from pwm.training.evaluation import EVALUATION_SEED, Evaluation, Evaluator
from pwm.training.run_folder import RunFolder

STRETCHES = 8
"""Per environment, to fit the decoder and again to test."""


def run(argv: list[str]) -> int:
    """``pwm eval run=<folder>``; returns the exit code.

    Raises:
        UserError: no run there, no readable checkpoint, or a bad option.
    """
    arguments = _parse(argv)
    folder = RunFolder(arguments.run)
    config = replace(folder.config(), device=arguments.device, eval_episodes=arguments.episodes)
    state, epoch = _load(Checkpoints(folder.checkpoints), arguments.best)
    seed = config.seed + EVALUATION_SEED if arguments.seed is None else arguments.seed
    print(f"{config.name}: {folder.path}, {'best' if arguments.best else 'latest'} checkpoint, epoch {epoch}")
    if arguments.world_model:
        return _world_model(folder, config, state, epoch, seed)
    evaluation, tasks = evaluate_state(config, state, seed)
    print(f"{'task':<12}{'episodes':>9}{'return':>11}{'std':>9}{'length':>8}{'m/s':>8}")
    for index, task in enumerate(tasks):
        mine = evaluation.task == index
        returns, velocity = evaluation.returns[mine], evaluation.forward_velocity[mine].mean()
        print(
            f"{task:<12}{len(returns):>9}{returns.mean():>11.2f}{returns.std(correction=0):>9.2f}"
            f"{evaluation.length[mine].mean():>8.1f}{velocity:>8.3f}"
        )
    return 0


def evaluate_state(
    config: TrainConfig, state: dict[str, Any], seed: int
) -> tuple[Evaluation, tuple[str, ...]]:
    """Evaluate the agent of a checkpoint's ``state``; returns the episodes and the tasks' names."""
    env = build_env(config, config.eval_episodes, resolve_device(config.device), seed)
    return Evaluator(env)(_agent(config, env, state)), env.tasks


def _agent(config: TrainConfig, env: VectorEnv, state: dict[str, Any]) -> Agent:
    agent = build_agent(config, env)
    try:
        agent.load_state_dict(state["agent"])
    except (KeyError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"the checkpoint does not fit the run's configuration: {reason}") from error
    return agent


def _world_model(folder: RunFolder, config: TrainConfig, state: dict[str, Any], epoch: int, seed: int) -> int:
    """Measure the open-loop errors, print them and keep them in the run folder."""
    device = resolve_device(config.device)
    torch.manual_seed(seed)
    envs = [build_env(config, config.eval_episodes, device, seed + offset) for offset in (0, 1)]
    agent = _agent(config, envs[0], state)
    fit, test = (model_quality.gather(agent, env, STRETCHES) for env in envs)
    if not fit.task.numel() or not test.task.numel():
        raise UserError(
            f"no stretch of {model_quality.HORIZON} steps without an end of episode: give more --episodes"
        )
    errors = model_quality.measure(agent, fit, test)
    print(
        f"{test.task.numel()} stretches; mean squared error / variance after 1, 4, 8 and 16 open-loop steps"
    )
    print(f"{'substeps':<10}{'latent':>30}{'reward':>30}{'observation':>30}")
    for substeps, kinds in errors.items():
        shown = (" ".join(f"{curve[step - 1]:6.3f}" for step in (1, 4, 8, 16)) for curve in kinds.values())
        print(f"{substeps:<10}" + "".join(f"{text:>30}" for text in shown))
    model_quality.save(folder, epoch, config.flow_substeps, errors)
    return 0


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = Parser(prog="pwm eval", description="Evaluate a run's checkpoint, closed loop, deterministic.")
    parser.add_argument("run", metavar="run=<folder>", help="the run's folder")
    parser.add_argument(
        "--world-model", action="store_true", help="how well it predicts, open loop; pwm report shows it too"
    )
    parser.add_argument("--best", action="store_true", help="the best checkpoint instead of the latest")
    parser.add_argument("--episodes", type=int, default=32, help="episodes, over all tasks (default 32)")
    parser.add_argument("--seed", type=int, help="seed of the start states (default: the training's own)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default auto)")
    arguments = parser.parse_args(argv)
    if arguments.episodes < 1:
        raise UserError(f"--episodes {arguments.episodes}: expected at least 1")
    arguments.run = arguments.run.removeprefix("run=")
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
