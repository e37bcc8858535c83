"""PWM with flow-matching dynamics: one trainer, eight comparable experiments."""

__version__ = "0.1.0"
