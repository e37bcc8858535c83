"""The names of the suite, read from the files in ``configs/alg``: a file there is an experiment.

A file whose name ends in ``_matched`` is a control: trainable like any other, but outside the suite.
"""

from __future__ import annotations

from pwm.training.compose import choices

CONTROL_SUFFIX = "_matched"


def names() -> list[str]:
    """The experiments of the suite: the single-task ones, then the multi-task ones."""
    experiments = [name for name in choices("alg") if not name.endswith(CONTROL_SUFFIX)]
    return sorted(experiments, key=lambda name: (not name.startswith("st_"), name))
