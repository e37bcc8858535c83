"""What the report says of a run, of an experiment's runs, and of two experiments."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from pwm.run.metrics import number
from pwm.suite.report import statistics
from pwm.suite.report.runs import UNKNOWN, Array, Collected, Run, differences
from pwm.suite.report.statistics import Interval

NEAR_PEAK = 0.9
WALKING = 0.5
"""m/s: an Ant that stands has a forward velocity of at most 0.05."""
SPIKE = 10.0
SPIKE_WINDOW = 50
NORMS = ("wm_grad_norm", "pi_grad_norm", "v_grad_norm")
INTENDED = ("dynamics", "flow_integrator", "flow_substeps", "flow_head")
"""What two variants are meant to differ in."""


@dataclass(frozen=True)
class Measures:
    """One run in numbers; nan where it cannot be said."""

    peak: float
    final: float
    steps_to_near_peak: float
    hours: float
    seconds_per_epoch: float
    velocity: float
    """m/s at the peak."""
    drop: float
    """Share of the peak lost at the end."""
    spikes: float
    """Rows per thousand in which a gradient norm exceeds :data:`SPIKE` times its recent median."""
    non_finite: int
    """Rows with a metric that had been a number before and was none, and stops for that reason."""


@dataclass(frozen=True)
class Comparison:
    """Experiment ``a`` against experiment ``b``, by the peak R within equally many environment steps."""

    a: str
    b: str
    steps: float
    improvement: Interval
    relative: float  # share of b's peak
    probability: float
    runs: tuple[int, int]
    differences: list[str]
    warnings: list[str] = field(default_factory=list)

    @property
    def confounded(self) -> list[str]:
        """The differences other than those between two variants."""
        return [text for text in self.differences if text.split()[0] not in INTENDED]


@cache
def measure(run: Run) -> Measures:
    """The numbers of ``run``."""
    curve = run.curve
    finite = np.flatnonzero(np.isfinite(curve.R))
    if not len(finite):
        nan = math.nan
        return Measures(nan, nan, nan, _last(curve.hours), _pace(run), nan, nan, spikes(run), non_finite(run))
    top = finite[np.argmax(curve.R[finite])]
    high, final = float(curve.R[top]), float(curve.R[finite[-1]])
    near = finite[curve.R[finite] >= NEAR_PEAK * high]
    return Measures(
        peak=high,
        final=final,
        steps_to_near_peak=float(curve.env_steps[near[0]]) if high > 0 else math.nan,
        hours=_last(curve.hours),
        seconds_per_epoch=_pace(run),
        velocity=float(curve.velocity[top]),
        drop=(high - final) / abs(high) if high else math.nan,
        spikes=spikes(run),
        non_finite=non_finite(run),
    )


def peak_within(run: Run, steps: float) -> float:
    """The highest R within the first ``steps`` environment steps; nan without one."""
    curve = run.curve
    inside = curve.R[np.isfinite(curve.R) & ~(curve.env_steps > steps)]
    return float(inside.max()) if len(inside) else math.nan


def spikes(run: Run) -> float:
    """See :attr:`Measures.spikes`; nan before there are :data:`SPIKE_WINDOW` norms to judge by."""
    rows, high = 0, np.zeros(len(run.rows), bool)
    for key in NORMS:
        norm = np.array([number(row.get(key)) for row in run.rows], float)
        known = np.flatnonzero(np.isfinite(norm))
        rows = max(rows, len(known))
        if len(known) > SPIKE_WINDOW:
            judged = known[SPIKE_WINDOW:]
            high[judged] |= norm[judged] > SPIKE * _recent_median(norm[known])[:-1]
    return 1000 * float(high.sum()) / rows if rows > SPIKE_WINDOW else math.nan


def non_finite(run: Run) -> int:
    """See :attr:`Measures.non_finite`."""
    seen: set[str] = set()
    count = run.failures
    for row in run.rows:
        count += any(row[key] is None for key in row if key in seen)
        seen |= {key for key, value in row.items() if math.isfinite(number(value))}
    return count


def peaks(runs: list[Run], steps: float = math.inf) -> Array:
    """The peaks of ``runs`` within ``steps``, without those that have none."""
    values = np.array([peak_within(run, steps) for run in runs], float)
    return values[np.isfinite(values)]


def mean_of(runs: list[Run], name: str) -> float:
    """The mean of one of :class:`Measures` over runs; nan where no run has it."""
    values = [number(getattr(measure(run), name)) for run in runs]
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else math.nan


def surviving(runs: list[Run]) -> bool:
    """Whether the peak return was reached without moving forward."""
    velocity = mean_of(runs, "velocity")
    return math.isfinite(velocity) and velocity < WALKING


def seed_spread(runs: list[Run]) -> float:
    """Standard deviation of the runs' peaks as a share of their mean; nan for one run."""
    values = peaks(runs)
    if len(values) < 2 or not values.mean():
        return math.nan
    return float(values.std(ddof=1) / abs(values.mean()))


def compare(found: Collected, a: str, b: str) -> Comparison | None:
    """``a`` against ``b``; None unless both have a return."""
    first, second = (_with_return(found.of(name)) for name in (a, b))
    if not first or not second:
        return None
    steps = (
        min(run.steps for run in (*first, *second) if run.steps) if _steps_known(first, second) else math.inf
    )
    tops = peaks(first, steps), peaks(second, steps)
    if not len(tops[0]) or not len(tops[1]):
        return None
    improvement = statistics.difference(*tops)
    base = float(statistics.iqm(tops[1]))
    return Comparison(
        a=a,
        b=b,
        steps=steps,
        improvement=improvement,
        relative=improvement.estimate / abs(base) if base else math.nan,
        probability=statistics.probability_of_improvement(*tops),
        runs=(len(tops[0]), len(tops[1])),
        differences=differences(second[0], first[0]),
        warnings=_warnings(first, second),
    )


def _steps_known(first: list[Run], second: list[Run]) -> bool:
    return all(any(run.steps for run in runs) for runs in (first, second))


def _with_return(runs: list[Run]) -> list[Run]:
    return [run for run in runs if np.isfinite(run.curve.R).any()]


def _warnings(first: list[Run], second: list[Run]) -> list[str]:
    warnings = []
    runs = [*first, *second]
    for what in ("commit", "image"):
        values = list(dict.fromkeys(getattr(run, what) for run in runs))
        if len(values) > 1:
            warnings.append(f"not the same {what}: {' / '.join(values)}")
    if any("+changes" in run.commit for run in runs):
        warnings.append("trained from a checkout with uncommitted changes")
    for group in (first, second):
        within = {text for run in group[1:] for text in differences(group[0], run)}
        if within:
            warnings.append(f"runs of {group[0].experiment} differ: {'; '.join(sorted(within))}")
    few = min(len(first), len(second))
    if few == 1:
        warnings.append("one seed on a side: no interval, so the difference may be chance")
    elif few < statistics.FEW:
        warnings.append(f"{few} seeds on a side: the interval is wide and trusts in normal returns")
    unfinished = [f"{run.experiment}-s{run.seed}" for run in runs if not run.finished]
    if unfinished:
        warnings.append(f"unfinished: {', '.join(unfinished)}")
    if UNKNOWN in {run.env for run in runs}:
        warnings.append("environment and size of a bare log are unknown")
    return warnings


def _recent_median(values: Array) -> Array:
    """The medians of every :data:`SPIKE_WINDOW` successive values."""
    windows = np.lib.stride_tricks.sliding_window_view(values, SPIKE_WINDOW)
    return np.asarray(np.median(windows, axis=1), float)


def _last(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known[-1]) if len(known) else math.nan


def _pace(run: Run) -> float:
    """Seconds per epoch over the whole run."""
    hours = _last(run.curve.hours)
    return hours * 3600 / run.epochs if run.epochs else math.nan
