"""``pwm train``: compose, then train, in as many processes as the configuration says."""

from __future__ import annotations

import json
import os
from pathlib import Path

from pwm.arguments import Parser
from pwm.commands.launch import launch
from pwm.commands.stages import extraction
from pwm.config.compose import choices, compose, given, to_yaml

NOTE = "PWM_CELL"
"""Environment variable: the file in which ``pwm train``, called by ``wandb agent``, writes down its cell of
the sweep instead of training."""
FROM_AGENT = ("WANDB_ENTITY", "WANDB_PROJECT", "WANDB_SWEEP_ID", "WANDB_SWEEP_PARAM_PATH", "WANDB_RUN_ID")
"""What the agent tells a run by its environment; never the key."""


def run(argv: list[str]) -> int:
    """``pwm train alg=<name> [key=value …]``; returns the exit code.

    Raises:
        UserError: an override is wrong, or what training raises.
    """
    parser = Parser(
        prog="pwm train",
        description="Train one experiment. The same command with the same run folder resumes it.",
        epilog=f"alg: {', '.join(choices('alg'))}. env: {', '.join(choices('env'))}. "
        f"size: {', '.join(choices('size'))}. scale: {', '.join(choices('scale'))}. "
        "world_model=FOLDER task=NAME: a policy for that task from the world model of a `pwm pretrain`.",
    )
    parser.add_argument("--cfg", choices=["job"], help="print the resolved configuration and stop")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="alg=<name> is required")
    arguments = parser.parse_intermixed_args(argv)
    if NOTE in os.environ:
        return note(arguments.overrides)
    overrides = arguments.overrides
    said = given(overrides)
    if said.get("world_model") and "stage" not in said:
        overrides = extraction(overrides)
    config = compose(overrides)
    if arguments.cfg:
        print(to_yaml(config), end="")
        return 0
    return launch(config, overrides)


def note(overrides: list[str]) -> int:
    """Write down the cell that ``wandb agent`` called ``pwm train`` for."""
    environment = {name: os.environ[name] for name in FROM_AGENT if name in os.environ}
    file = Path(os.environ[NOTE])
    temporary = file.with_suffix(".tmp")
    temporary.write_text(json.dumps({"arguments": overrides, "environment": environment}), encoding="utf-8")
    os.replace(temporary, file)
    return 0
