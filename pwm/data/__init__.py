"""Where training data comes from; every source hands out the same :class:`Batch`."""

from pwm.data.batch import Batch, Slices, Transitions
from pwm.data.replay import Replay

__all__ = ["Batch", "Replay", "Slices", "Transitions"]
