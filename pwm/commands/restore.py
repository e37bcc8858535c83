"""Agents from checkpoints."""

from __future__ import annotations

from typing import Any

import torch

from pwm.algorithms.agent import Agent
from pwm.config.types import TrainConfig
from pwm.errors import UserError
from pwm.learning.build import Spaces, build_agent
from pwm.run.checkpoint import MISFITS, misfit


def restore(config: TrainConfig, spaces: Spaces, device: torch.device, state: dict[str, Any]) -> Agent:
    """The agent of a run of ``config`` as it was saved.

    Raises:
        UserError: the ``state`` does not fit.
    """
    agent = build_agent(config, spaces, device)
    try:
        agent.load_state_dict(state["agent"])
    except MISFITS as error:
        raise UserError(f"the checkpoint does not fit the run's configuration: {misfit(error)}") from error
    return agent
