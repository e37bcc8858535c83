"""What a pretraining run leaves to those that go on from it."""

from __future__ import annotations

from typing import Any

import torch

from pwm.algorithms.agent import Agent
from pwm.config.types import TrainConfig
from pwm.data.store import Store
from pwm.errors import UserError, choose_from
from pwm.learning.build import Spaces, build_agent
from pwm.run.checkpoint import MISFITS, Checkpoints, misfit
from pwm.run.folder import RunFolder

POLICY = ("actor.", "critic.", "return_stats.")
"""What is learned for each task, and not taken over."""


def load(config: TrainConfig) -> dict[str, Any]:
    """The agent's newest state in the pretraining run ``config.world_model``.

    Raises:
        UserError: there is none.
    """
    loaded = Checkpoints(RunFolder(config.world_model).checkpoints).load_latest(replay=False)
    if loaded is None:
        raise UserError(f"{config.world_model} holds no checkpoint yet: wait for the first one")
    state: dict[str, Any] = loaded[0]["agent"]
    return state


def take_over(config: TrainConfig, state: dict[str, Any], device: torch.device) -> Agent:
    """An agent with the world model, the termination head and the statistics of a pretrained one, and a fresh
    policy.

    Raises:
        UserError: they are of another shape than ``config`` says.
    """
    agent = build_agent(config, Spaces.of_state(config, state), device)
    taken = {name: value for name, value in state.items() if not name.startswith(POLICY)}
    own = {name: value for name, value in agent.state_dict().items() if name.startswith(POLICY)}
    try:
        agent.load_state_dict(taken | own)
    except MISFITS as error:
        raise UserError(f"{config.world_model} holds another world model: {misfit(error)}") from error
    return agent


def open_store(config: TrainConfig, spaces: Spaces) -> Store:
    """The store ``config.data``, which has the sizes of the world model.

    Raises:
        UserError: it has others, or is no store.
    """
    store = Store(config.data)
    if (store.obs_dim, store.act_dim) != (spaces.obs_dim, spaces.act_dim):
        raise UserError(
            f"{config.data} has observations of {store.obs_dim} and actions of {store.act_dim}, the world "
            f"model of {spaces.obs_dim} and {spaces.act_dim}: name the store that it was pretrained on"
        )
    return store


def indices(store: Store, tasks: list[str]) -> list[int]:
    """The numbers that ``tasks`` have in the ``store``.

    Raises:
        UserError: it has one of them not.
    """
    names = [task.name for task in store.tasks]
    for task in tasks:
        if task not in names:
            raise choose_from(f"task of the store {store.path}", task, names)
    return [names.index(task) for task in tasks]
