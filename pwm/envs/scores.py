"""Returns of different tasks on one scale."""

from __future__ import annotations

from collections.abc import Mapping

from pwm.envs.dmcontrol.tasks import TASKS

SCALES: dict[str, tuple[float, float]] = {
    "ant": (102.8, 9549.0),
    "anymal": (133.2, 13439.0),
    "cartpole": (-1859.0, 0.0),
    "double_pendulum": (-116400.0, 0.0),
    "hopper": (-41.5, 5644.0),
    "humanoid": (88.4, 8538.0),
}
"""The return of uniformly random actions (the mean of 512 episodes here), and the published one at the end
(PWM's own result files, 5 seeds); of the pendulums, which have none, the highest that there is."""

DMCONTROL = (0.0, 1000.0)
"""Of each of its tasks: rewards are between 0 and 1, and an episode has 1,000 control steps."""


def score(task: str, value: float) -> float | None:
    """``value``, a return of ``task``, with random actions at 0 and the published end at 1; None for a task
    without a scale. dflex's own environments have those of their ports."""
    scale = DMCONTROL if task in TASKS else SCALES.get(task.removeprefix("dflex_"))
    return None if scale is None else (value - scale[0]) / (scale[1] - scale[0])


def combined(returns: Mapping[str, float]) -> float:
    """The return of one task as it is; of several the mean of their scores, or where one has no scale, of
    their returns.

    >>> combined({"cartpole": -300.0})
    -300.0
    >>> round(combined({"cartpole": -929.5, "hopper": 5644.0}), 3)
    0.75
    """
    scores = [score(task, value) for task, value in returns.items()]
    known = [value for value in scores if value is not None]
    values = known if len(known) == len(returns) > 1 else list(returns.values())
    return sum(values) / len(values)
