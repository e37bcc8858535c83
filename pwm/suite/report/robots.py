"""What one model of several robots gains or costs each of them: the runs of all against those of one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pwm.suite.report.runs import Collected, Run
from pwm.suite.report.statistics import Interval, difference, iqm


class Shared(NamedTuple):
    """One robot in multi-task runs of a variant, beside single-task runs of the variant on it alone."""

    variant: str
    size: str
    robot: str
    steps: float
    """Environment steps of that robot at which both are looked at: as many as the shortest run has."""
    single: list[float]
    """Returns then, a run each."""
    multi: list[float]

    @property
    def gain(self) -> Interval:
        """By how much the multi-task return is larger."""
        return difference(self.multi, self.single)

    @property
    def means(self) -> tuple[float, float]:
        """Interquartile means: single-task, multi-task."""
        return float(iqm(self.single)), float(iqm(self.multi))

    @property
    def verdict(self) -> str:
        """In words."""
        if not self.gain.known:
            return "one seed tells nothing"
        if self.gain.low <= 0.0 <= self.gain.high:
            return "no difference can be told"
        return "sharing gains" if self.gain.estimate > 0.0 else "sharing costs"


def shared(found: Collected) -> list[Shared]:
    """Every variant and robot of which there are runs of both kinds."""
    multi = [run for run in found.everything if run.setting == "mt" and len(run.tasks) > 1]
    alone = [run for run in found.everything if run.setting == "st" and len(run.tasks) == 1]
    rows = []
    for variant, size, robot in dict.fromkeys((*_kind(run), robot) for run in multi for robot in run.tasks):
        sides = [
            [run for run in side if _kind(run) == (variant, size) and robot in run.tasks]
            for side in (alone, multi)
        ]
        if not all(sides):
            continue
        steps = min(run.steps * run.share(robot) for side in sides for run in side)
        returns = [[_return(run, robot, steps) for run in side] for side in sides]
        single, several = ([value for value in side if np.isfinite(value)] for side in returns)
        if single and several:
            rows.append(Shared(variant, size, robot, steps, single, several))
    return rows


def _kind(run: Run) -> tuple[str, str]:
    """Variant and size."""
    return run.experiment.partition("_")[2], str(run.config["model_size"])


def _return(run: Run, robot: str, steps: float) -> float:
    """The last return of ``robot`` within so many of its steps."""
    values = run.curve.R if len(run.tasks) == 1 else run.column(f"R_{robot}")
    seen = values[(run.curve.env_steps * run.share(robot) <= steps) & np.isfinite(values)]
    return float(seen[-1]) if len(seen) else float("nan")
