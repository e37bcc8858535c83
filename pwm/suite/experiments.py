"""The names of the suite, read from the files in ``configs/alg``: a file there is an experiment.

A file whose name ends in ``_matched`` is a control: trainable like any other, but outside the suite.
"""

from __future__ import annotations

from pwm.config.compose import choices
from pwm.errors import choose_from

CONTROL_SUFFIX = "_matched"
SETTINGS = ("st", "mt")


def names() -> list[str]:
    """The experiments of the suite: the single-task ones, then the multi-task ones."""
    experiments = [name for name in choices("alg") if not name.endswith(CONTROL_SUFFIX)]
    return sorted(experiments, key=lambda name: (not name.startswith("st_"), name))


def select(targets: list[str]) -> list[str]:
    """The experiments that ``targets`` name, each once: ``all``, ``st``, ``mt`` or any ``configs/alg``.

    Raises:
        UserError: there is no such experiment.
    """
    selected: list[str] = []
    for target in targets:
        if target == "all":
            selected += names()
        elif target in SETTINGS:
            selected += [name for name in names() if name.startswith(f"{target}_")]
        elif target in choices("alg"):
            selected.append(target)
        else:
            raise choose_from("experiment", target, ("all", *SETTINGS, *choices("alg")))
    return list(dict.fromkeys(selected))
