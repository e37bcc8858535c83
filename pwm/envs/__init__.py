"""Simulated environments behind one batched interface, :class:`pwm.envs.base.VectorEnv`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch

from pwm.envs.base import Step, VectorEnv
from pwm.envs.dmcontrol.tasks import TASKS
from pwm.envs.multitask import MultiTaskEnv
from pwm.errors import UserError, choose_from

__all__ = ["DRAWABLE", "ENVS", "MultiTaskEnv", "Step", "VectorEnv", "available", "make", "make_tasks"]


class Entry(NamedTuple):
    """Where an environment is made."""

    module: str
    """Imported when one is first made."""
    cls: str
    task: tuple[str, ...] = ()
    """What the class is told first, where it is that of several environments."""


_DFLEX, _DMCONTROL = "pwm.envs.dflex.env", "pwm.envs.dmcontrol.env"
ENVS: dict[str, Entry] = {
    "ant": Entry("pwm.envs.newton.ant", "Ant"),
    "anymal": Entry("pwm.envs.newton.anymal", "Anymal"),
    "cartpole": Entry("pwm.envs.newton.cartpole", "CartPole"),
    "dflex_ant": Entry(_DFLEX, "Ant"),
    "dflex_anymal": Entry(_DFLEX, "Anymal"),
    "dflex_cartpole": Entry(_DFLEX, "CartPole"),
    "dflex_double_pendulum": Entry(_DFLEX, "DoublePendulum"),
    "dflex_hopper": Entry(_DFLEX, "Hopper"),
    "dflex_humanoid": Entry(_DFLEX, "Humanoid"),
    "dflex_snu_humanoid": Entry(_DFLEX, "SNUHumanoid"),
    "double_pendulum": Entry("pwm.envs.newton.double_pendulum", "DoublePendulum"),
    "hopper": Entry("pwm.envs.newton.hopper", "Hopper"),
    "humanoid": Entry("pwm.envs.newton.humanoid", "Humanoid"),
    **{name: Entry(_DMCONTROL, "DMControlEnv", (name,)) for name in TASKS},
}
"""Every environment by its name."""
NEEDS = {_DFLEX: "dflex", _DMCONTROL: "dm_control"}
"""Packages without which a module's environments cannot be made."""

DRAWABLE = tuple(name for name, entry in ENVS.items() if entry.module.startswith("pwm.envs.newton."))
"""Those that are :class:`pwm.envs.base.Drawable`."""


def available() -> list[str]:
    """The environments whose packages are installed."""
    return [
        name for name, entry in ENVS.items() if entry.module not in NEEDS or find_spec(NEEDS[entry.module])
    ]


def make(
    name: str,
    *,
    num_envs: int,
    device: torch.device | str = "cpu",
    seed: int = 0,
    auto_reset: bool = True,
    **options: Any,
) -> VectorEnv:
    """``num_envs`` environments ``name`` on ``device``; see the class for its ``options``.

    Two calls with the same arguments give environments that behave the same, bit for bit on a CPU.

    Raises:
        UserError: unknown name or option, an option's value out of range, an absent device, or a package
            not installed.

    >>> env = make("ant", num_envs=4)
    >>> env.reset().shape
    torch.Size([4, 37])
    """
    if name not in ENVS:
        raise choose_from("env", name, ENVS)
    if num_envs < 1:
        raise UserError(f"num_envs must be at least 1, got {num_envs}")
    env_class = check_options(name, options)
    place = _available(torch.device(device))
    env: VectorEnv = env_class(*ENVS[name].task, num_envs, place, seed, auto_reset, **options)
    return env


def check_options(name: str, options: Mapping[str, Any]) -> type[Any]:
    """See that the environment ``name`` has the ``options``, without making one; returns its class.

    Raises:
        UserError: an unknown option, or a value out of range.
    """
    entry = ENVS[name]
    env_class: type[Any] = getattr(import_module(entry.module), entry.cls)
    for option in options:
        if option not in env_class.OPTIONS:
            raise choose_from(f"option of env {name}", option, env_class.OPTIONS)
    for option in ("episode_length", "mass_matrix_interval"):
        number = options.get(option, 1)
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise UserError(f"{option} of env {name} must be a whole number of at least 1, got {number!r}")
    for option, allowed in env_class.CHOICES.items():
        if option in options and options[option] not in allowed:
            raise choose_from(option, options[option], allowed)
    return env_class


def make_tasks(
    tasks: Sequence[str],
    *,
    num_envs: int,
    device: torch.device | str = "cpu",
    seed: int = 0,
    auto_reset: bool = True,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    shares: Sequence[int] = (),
    among: Sequence[str] = (),
    obs_dim: int = 0,
    act_dim: int = 0,
) -> MultiTaskEnv:
    """``num_envs`` environments split over ``tasks``, each task an environment's name: evenly, or in the
    proportion of ``shares``.

    ``options`` holds the options of :func:`make` by task. Task k draws from seed ``seed + k``. For ``among``,
    ``obs_dim`` and ``act_dim`` see :class:`MultiTaskEnv`.

    Raises:
        UserError: as :func:`make`; no or repeated tasks, not one share a task, or ``num_envs`` not a multiple
            of the shares' sum.
    """
    if not tasks or len(set(tasks)) != len(tasks):
        raise UserError(f"tasks must name at least one environment and none twice, got {list(tasks)}")
    split = f"into {sum(shares)} shares" if shares else f"evenly over {len(tasks)} tasks"
    shares = shares or [1] * len(tasks)
    if len(shares) != len(tasks) or min(shares) < 1:
        raise UserError(f"shares {list(shares)} of {len(tasks)} tasks: expected one for each, at least 1")
    if num_envs < 1 or num_envs % sum(shares):
        raise UserError(f"num_envs={num_envs} does not split {split}; take a multiple")
    given = options or {}
    for task in given:
        if task not in tasks:
            raise choose_from("task in the environment's options", task, tasks)
    one = num_envs // sum(shares)
    envs = [
        make(
            task,
            num_envs=share * one,
            device=device,
            seed=seed + k,
            auto_reset=auto_reset,
            **given.get(task, {}),
        )
        for k, (task, share) in enumerate(zip(tasks, shares, strict=True))
    ]
    return MultiTaskEnv(envs, among, obs_dim, act_dim)


def _available(device: torch.device) -> torch.device:
    """``device`` with its index; it must be there."""
    if device.type == "cpu":
        return device
    if device.type != "cuda" or not torch.cuda.is_available():
        raise UserError(f"device {str(device)!r} is not available on this machine; choose cpu")
    return torch.device("cuda", torch.cuda.current_device() if device.index is None else device.index)
