"""Run by test_processes: two processes train, and one of them differs from the other.

python clocks.py <run folder> <rank> slow|broken
"""

from __future__ import annotations

import os
import sys

from pwm.commands import loop
from pwm.config.compose import compose
from pwm.errors import UserError
from pwm.learning.meters import Meters, NotFinite

SETTING = (
    *("alg=st_baseline", "size=tiny", "num_envs=8", "wm_batch_size=16", "wm_updates=2", "horizon=4"),
    *("wm_first_updates=4", "critic_passes=1", "replay_capacity=4000", "env.options.episode_length=6"),
    *("eval_episodes=2", "eval_every=0", "checkpoint_every=100", "max_epochs=6", "num_processes=2"),
    "log_every=1",
)


def break_down() -> None:
    """From the fourth epoch on this process finds numbers that are not finite."""
    end_epoch, read = Meters.end_epoch, Meters.read
    epochs = []

    def counted(self: Meters, epoch: int) -> None:
        epochs.append(epoch)
        end_epoch(self, epoch)

    def broken(self: Meters) -> dict[str, float]:
        if epochs[-1] >= 4:
            raise NotFinite(["wm_loss"], epochs[-1])
        return read(self)

    Meters.end_epoch, Meters.read = counted, broken  # type: ignore[method-assign]


def main(folder: str, rank: str, how: str) -> int:
    config = compose([*SETTING, f"run={folder}"])
    mine = os.environ["RANK"] == rank
    if how == "slow":  # by its own clock every epoch is long, by the other's none
        loop.LONG_EPOCH = 0.0 if mine else 1e9
    elif mine:
        break_down()
    try:
        return loop.train(config)
    except UserError as error:
        sys.stdout.write(f"rank {os.environ['RANK']}: {error}\n")  # in one piece: both say it at once
        return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
