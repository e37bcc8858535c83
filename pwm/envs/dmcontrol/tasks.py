"""A task is data: which of DMControl's environments it begins in, and its sizes."""

from __future__ import annotations

from typing import NamedTuple


class Task(NamedTuple):
    """One of the thirty."""

    domain: str
    """Of the suite."""
    start: str
    """The suite's task whose model and starts it has."""
    obs_dim: int
    act_dim: int


TASKS = {
    "walker-stand": Task("walker", "stand", 24, 6),
    "walker-walk": Task("walker", "walk", 24, 6),
    "walker-run": Task("walker", "run", 24, 6),
    "cheetah-run": Task("cheetah", "run", 17, 6),
    "reacher-easy": Task("reacher", "easy", 6, 2),
    "reacher-hard": Task("reacher", "hard", 6, 2),
    "acrobot-swingup": Task("acrobot", "swingup", 6, 1),
    "pendulum-swingup": Task("pendulum", "swingup", 3, 1),
    "cartpole-balance": Task("cartpole", "balance", 5, 1),
    "cartpole-balance-sparse": Task("cartpole", "balance_sparse", 5, 1),
    "cartpole-swingup": Task("cartpole", "swingup", 5, 1),
    "cartpole-swingup-sparse": Task("cartpole", "swingup_sparse", 5, 1),
    "cup-catch": Task("ball_in_cup", "catch", 8, 2),
    "finger-spin": Task("finger", "spin", 9, 2),
    "finger-turn-easy": Task("finger", "turn_easy", 12, 2),
    "finger-turn-hard": Task("finger", "turn_hard", 12, 2),
    "fish-swim": Task("fish", "swim", 24, 5),
    "hopper-stand": Task("hopper", "stand", 15, 4),
    "hopper-hop": Task("hopper", "hop", 15, 4),
    "walker-walk-backwards": Task("walker", "walk", 24, 6),
    "walker-run-backwards": Task("walker", "run", 24, 6),
    "cheetah-run-backwards": Task("cheetah", "run", 17, 6),
    "cheetah-run-front": Task("cheetah", "run", 17, 6),
    "cheetah-run-back": Task("cheetah", "run", 17, 6),
    "cheetah-jump": Task("cheetah", "run", 17, 6),
    "hopper-hop-backwards": Task("hopper", "hop", 15, 4),
    "reacher-three-easy": Task("reacher", "three_easy", 8, 3),
    "reacher-three-hard": Task("reacher", "three_hard", 8, 3),
    "cup-spin": Task("ball_in_cup", "spin", 8, 2),
    "pendulum-spin": Task("pendulum", "swingup", 3, 1),
}
"""By name, in the order of MT30."""
