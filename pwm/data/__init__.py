"""Where training data comes from; every source hands out the same :class:`Batch`."""

from pwm.data.batch import Batch, Slices, Transitions
from pwm.data.experience import Experience, experience
from pwm.data.replay import Replay
from pwm.data.store import Sampler, Store

__all__ = ["Batch", "Experience", "Replay", "Sampler", "Slices", "Store", "Transitions", "experience"]
