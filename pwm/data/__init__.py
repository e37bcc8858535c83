"""Where training data comes from; every source hands out the same :class:`Batch`."""

from pwm.data.batch import Batch, Slices, Transitions
from pwm.data.experience import Experience, experience
from pwm.data.replay import Replay

__all__ = ["Batch", "Experience", "Replay", "Slices", "Transitions", "experience"]
