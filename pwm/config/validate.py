"""The rules that a configuration's values obey, alone and together."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from pwm.config.types import TrainConfig
from pwm.errors import UserError, choose_from

SIMNORM_GROUP = 8

CHOICES: dict[str, tuple[str, ...]] = {
    "stage": ("train", "pretrain", "extract"),
    "dynamics": ("mlp", "flow"),
    "latent": ("simnorm", "standardized", "observation"),
    "collection": ("lockstep", "closed_loop"),
    "wm_loss": ("carried", "one_step", "mixture"),
    "reward_scale": ("real", "symlog"),
    "lr_schedule": ("linear", "constant"),
    "mixed_precision": ("no", "bf16"),
    "cuda_graphs": ("auto", "off"),
    "tracking": ("disabled", "offline", "online"),
}
FLOW_CHOICES: dict[str, tuple[str, ...]] = {
    "flow_integrator": ("euler", "heun"),
    "flow_head": ("group_centered", "simnorm"),
}
AT_LEAST_ONE = (
    "num_envs",
    "wm_batch_size",
    "max_epochs",
    "latent_dim",
    "critic_ensemble",
    "horizon",
    "actor_updates",
    "critic_passes",
    "critic_batches",
    "wm_updates",
    "replay_capacity",
    "num_processes",
    "log_every",
    "eval_episodes",
    "checkpoint_every",
)
AT_LEAST_ZERO = (
    "task_dim",
    "imagination_batch",
    "wm_first_updates",
    "actor_start_epoch",
    "seed",
    "threads",
    "eval_every",
    "actor_init_scale",
    "dynamics_weight",
    "reward_weight",
    "termination_weight",
    "final_lr",
)
POSITIVE = (
    "actor_lr",
    "critic_lr",
    "wm_lr",
    "actor_grad_norm",
    "critic_grad_norm",
    "wm_grad_norm",
    "temporal_weight",
)
AT_MOST = {"threads": 1024, "eval_episodes": 10_000, "num_envs": 1_000_000}
"""More of these is a slip, which would end in a crash or for want of memory."""
AT_MOST_ONE = ("wm_mixture", "temporal_weight", "gamma", "td_lambda")


def validate(config: TrainConfig, environments: Sequence[str]) -> None:
    """Check ``config``; ``environments`` are the names that ``env`` and ``tasks`` may take.

    Raises:
        UserError: the first rule broken, with the choices or the way out.
    """
    _choices(config, environments)
    _numbers(config)
    _dynamics(config)
    _tasks(config, environments)
    _stage(config)
    _batches(config)


def _choices(config: TrainConfig, environments: Sequence[str]) -> None:
    for key, allowed in CHOICES.items():
        if getattr(config, key) not in allowed:
            raise choose_from(key, getattr(config, key), allowed)
    if config.env.name not in environments:
        raise choose_from("env", config.env.name, environments)
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", config.device):
        raise choose_from("device", config.device, ("auto", "cpu", "cuda", "cuda:<index>"))
    if not re.fullmatch(r"[\w.+-]+", config.name):
        raise UserError(f"name={config.name!r}: expected letters, digits and any of _ . + -")
    if not config.run.strip() or "\0" in config.run:
        raise UserError(f"run={config.run!r}: expected the path of a folder")


def _numbers(config: TrainConfig) -> None:
    for key in AT_LEAST_ONE:
        _require(key, getattr(config, key), getattr(config, key) >= 1, "at least 1")
    for key in AT_LEAST_ZERO:
        _require(key, getattr(config, key), 0 <= getattr(config, key) < math.inf, "at least 0")
    for key in POSITIVE:
        _require(key, getattr(config, key), 0 < getattr(config, key) < math.inf, "more than 0")
    for key, most in AT_MOST.items():
        _require(key, getattr(config, key), getattr(config, key) <= most, f"at most {most:,}")
    for key in AT_MOST_ONE:
        _require(key, getattr(config, key), 0 <= getattr(config, key) <= 1, "between 0 and 1")
    for key in ("encoder_units", "units", "actor_units", "critic_units"):
        widths = getattr(config, key)
        _require(key, widths, bool(widths) and min(widths) >= 1, "a list of layer widths, each at least 1")
    betas = config.betas_actor_critic
    _require("betas_actor_critic", betas, len(betas) == 2 and all(0 <= b < 1 for b in betas), "two in [0, 1)")
    _require("latent_dim", config.latent_dim, config.latent_dim % SIMNORM_GROUP == 0, "a multiple of 8")
    _require("seed", config.seed, config.seed < 2**32, "less than 2**32")


def _require(key: str, value: Any, holds: bool, expected: str) -> None:
    if not holds:
        raise UserError(f"{key}={value}: expected {expected}")


def _dynamics(config: TrainConfig) -> None:
    if config.latent == "observation" and not config.normalize_observation:
        raise UserError("latent=observation needs normalize_observation=true: it predicts deviations")
    if config.latent != "simnorm" and config.flow_head == "simnorm":
        raise UserError("flow_head=simnorm needs latent=simnorm")
    keys = ("flow_integrator", "flow_substeps", "flow_head")
    if config.dynamics == "mlp":
        given = [f"{key}={getattr(config, key)}" for key in keys if getattr(config, key) is not None]
        if given:
            raise UserError(f"dynamics=mlp takes no {' '.join(given)}; choose an alg with flow dynamics")
        return
    missing = [key for key in keys if getattr(config, key) is None]
    if missing:
        raise UserError(f"dynamics=flow needs {', '.join(missing)}; choose an alg with flow dynamics")
    for key, allowed in FLOW_CHOICES.items():
        if getattr(config, key) not in allowed:
            raise choose_from(key, getattr(config, key), allowed)
    _require("flow_substeps", config.flow_substeps, (config.flow_substeps or 0) >= 1, "at least 1")


def _tasks(config: TrainConfig, environments: Sequence[str]) -> None:
    for task in config.tasks:
        if task not in environments:
            raise choose_from("task", task, environments)
    listed = f"tasks=[{','.join(config.tasks)}]"
    if not config.tasks or len(set(config.tasks)) < len(config.tasks):
        raise UserError(f"{listed}: expected at least one task, each once")
    if config.env.name not in config.tasks:
        raise UserError(f"{listed} leaves out env={config.env.name}; name one of the tasks as env=")
    shares = config.env_shares
    if shares and (len(shares) != len(config.tasks) or min(shares) < 1):
        raise UserError(
            f"env_shares=[{','.join(map(str, shares))}], {listed}: expected a number of at least 1 for each"
        )
    if config.multitask and config.task_dim == 0:
        raise UserError("multitask=true needs task_dim of at least 1")
    if not config.multitask and config.task_dim > 0:
        raise UserError(f"task_dim={config.task_dim} needs multitask=true: choose an mt_ alg, or task_dim=0")
    if not config.multitask and len(config.tasks) > 1:
        raise UserError(f"{listed} needs multitask=true: choose an mt_ alg, or name one task")


def _stage(config: TrainConfig) -> None:
    if config.stage == "pretrain" and not config.data:
        raise UserError("data=<store> is missing: `pwm data generate` makes one")
    if config.stage == "extract" and not config.world_model:
        raise UserError("world_model=<folder> is missing: a run of `pwm pretrain`")
    if config.stage == "extract" and config.task not in config.tasks:
        raise choose_from("task of the world model", config.task, config.tasks)
    if config.finetune_world_model and config.stage != "extract":
        raise UserError("finetune_world_model=true needs world_model=<folder>, a run of `pwm pretrain`")
    if config.stage == "extract" and config.imagination_batch == 0:
        raise UserError("imagination_batch=0: a policy is extracted from rollouts, at least 1 at a time")
    if config.stage == "extract" and config.num_processes > 1:
        raise UserError("a policy is extracted by one process: leave out num_processes")
    if config.stage == "train" and (config.data or config.task):
        key = "data" if config.data else "task"
        raise UserError(f"{key}={getattr(config, key)} needs world_model=<folder>, or `pwm pretrain`")


def _batches(config: TrainConfig) -> None:
    for key in ("num_envs", "wm_batch_size", "imagination_batch"):
        if getattr(config, key) % config.num_processes:
            split = f"num_processes={config.num_processes}"
            raise UserError(f"{key}={getattr(config, key)} does not divide by {split}")
    tasks, processes = len(config.tasks), config.num_processes
    if config.stage == "train":
        _splits("num_envs", config.num_envs, config.env_shares or [1] * tasks, processes)
        _splits("eval_episodes", config.eval_episodes, [1] * tasks, 1)
    if config.imagination_batch and config.collection == "lockstep":
        raise UserError(
            "imagination_batch needs collection=closed_loop: lockstep imagines from num_envs states"
        )
    if config.env_shares and config.collection == "lockstep":
        raise UserError(
            "env_shares needs collection=closed_loop: lockstep imagines beside every environment, and so "
            "unlike many states of each task"
        )
    imagined = (config.imagination_batch or config.num_envs) // config.num_processes * config.horizon
    if imagined < config.critic_batches:
        raise UserError(f"critic_batches={config.critic_batches}: only {imagined} imagined states to split")
    needed = config.num_envs * (config.horizon + 1)
    if config.replay_capacity < needed:
        raise UserError(
            f"replay_capacity={config.replay_capacity}: expected at least num_envs * (horizon + 1) = {needed}"
        )


def _splits(key: str, number: int, shares: Sequence[int], processes: int) -> None:
    """``number`` falls into whole ``shares`` on each of the processes."""
    parts = sum(shares) * processes
    if number % parts:
        even = len(set(shares)) == 1
        split = f"evenly over {len(shares)} tasks" if even else f"into shares of {list(shares)}"
        each = f" on each of {processes} processes" if processes > 1 else ""
        raise UserError(f"{key}={number} does not split {split}{each}; take a multiple of {parts}")
