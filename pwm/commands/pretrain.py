"""``pwm pretrain``: a world model from a store of episodes."""

from __future__ import annotations

from pwm.arguments import Parser
from pwm.commands.launch import launch
from pwm.commands.stages import pretraining
from pwm.config.compose import compose, to_yaml


def run(argv: list[str]) -> int:
    """``pwm pretrain alg=<name> data=<store> [key=value …]``; returns the exit code.

    Raises:
        UserError: an override is wrong, or what the run raises.
    """
    parser = Parser(
        prog="pwm pretrain",
        description="Train the world model of an experiment on a store of episodes, without a simulator. The "
        "same command with the same run folder resumes it.",
        epilog="data=DIR: the store, whose tasks are learned (tasks=[…]: some of them). steps=N: updates. "
        "All other keys are those of `pwm train`.",
    )
    parser.add_argument("--cfg", choices=["job"], help="print the resolved configuration and stop")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="alg=<name> and data=<store>")
    arguments = parser.parse_intermixed_args(argv)
    overrides = pretraining(arguments.overrides)
    config = compose(overrides)
    if arguments.cfg:
        print(to_yaml(config), end="")
        return 0
    return launch(config, overrides)
