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
SHORT = 0.5
"""A run with less than this share of the others' median length has only begun."""
MOST_POINTS = 10_000
FIRM = 0.5
"""No firm answer comes from less than this share of the training."""
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
    share: float  # of the training that these steps are; nan where its length is not known
    improvement: Interval
    relative: float  # share of b's peak
    probability: float
    runs: tuple[int, int]
    differences: list[str]
    warnings: list[str] = field(default_factory=list)

    @property
    def early(self) -> bool:
        """Whether only a small part of the training is compared."""
        return self.share < FIRM

    @property
    def known(self) -> bool:
        """Whether there is an interval to answer by, of enough of the training."""
        return self.improvement.known and not self.early

    @property
    def better(self) -> bool:
        """Whether ``a`` is better than ``b``, for all that is known."""
        return self.known and self.improvement.sign > 0

    @property
    def worse(self) -> bool:
        """Whether ``a`` is worse than ``b``, for all that is known."""
        return self.known and self.improvement.sign < 0

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


@dataclass(frozen=True)
class Common:
    """What the runs of a comparison have in common.

    Attributes:
        steps: environment steps that all of ``runs`` have; infinite where a run does not say.
        grid: environment steps at which all of them are looked at, equally often: who logs more often sees
            more chance maxima. Empty where ``steps`` is infinite.
        share: of the training that ``steps`` is; nan where its length is not known.
        runs: those compared.
        left_out: those that have only begun, or do not say how far they are.
    """

    steps: float
    grid: Array
    share: float
    runs: list[Run]
    left_out: list[Run]

    def peaks(self, runs: list[Run]) -> Array:
        """The peaks of those of ``runs`` that are compared, without those that have none."""
        values = np.array([self._peak(run) for run in runs if run in self.runs], float)
        return values[np.isfinite(values)]

    def _peak(self, run: Run) -> float:
        known = np.isfinite(run.curve.R)
        if not len(self.grid):
            return float(run.curve.R[known].max()) if known.any() else math.nan
        known &= np.isfinite(run.curve.env_steps)
        order = np.argsort(run.curve.env_steps[known], kind="stable")
        steps, returns = run.curve.env_steps[known][order], run.curve.R[known][order]
        latest = np.searchsorted(steps, self.grid, side="right") - 1
        seen = returns[latest[latest >= 0]]
        return float(seen.max()) if len(seen) else math.nan


def common(*sides: list[Run]) -> Common:
    """What the runs of the ``sides`` have in common, but for those that have only begun, unless they are
    all that a side has."""
    runs = [run for side in sides for run in side]
    if not runs or not all(any(run.steps for run in side) for side in sides):
        return Common(math.inf, np.empty(0), math.nan, runs, [])
    length = float(np.median([run.steps for run in runs if run.steps]))
    kept = []
    for side in sides:
        long = [run for run in side if run.steps >= SHORT * length]
        kept += long or [run for run in side if run.steps]
    steps = min(run.steps for run in kept)
    spacing = max(steps / MOST_POINTS, *(_spacing(run) for run in kept))
    grid = np.append(np.arange(spacing, steps, spacing), steps)
    planned = [run.steps * run.max_epochs / run.epochs for run in kept if run.max_epochs and run.epochs]
    share = steps / max(planned) if planned else math.nan
    return Common(steps, grid, share, kept, [run for run in runs if run not in kept])


def _spacing(run: Run) -> float:
    """Environment steps from one logged return to the next."""
    steps = run.curve.env_steps[np.isfinite(run.curve.R) & np.isfinite(run.curve.env_steps)]
    return float(np.median(np.diff(steps, prepend=0.0))) if len(steps) else 0.0


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


def peaks(runs: list[Run]) -> Array:
    """The peaks of the whole ``runs``, without those that have none."""
    values = np.array([measure(run).peak for run in runs], float)
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
    shared = common(first, second)
    tops = shared.peaks(first), shared.peaks(second)
    if not len(tops[0]) or not len(tops[1]):
        return None
    improvement = statistics.difference(*tops)
    base = float(statistics.iqm(tops[1]))
    return Comparison(
        a=a,
        b=b,
        steps=shared.steps,
        share=shared.share,
        improvement=improvement,
        relative=improvement.estimate / abs(base) if base else math.nan,
        probability=statistics.probability_of_improvement(*tops),
        runs=(len(tops[0]), len(tops[1])),
        differences=differences(second[0], first[0]),
        warnings=_warnings(first, second, shared),
    )


def _with_return(runs: list[Run]) -> list[Run]:
    return [run for run in runs if np.isfinite(run.curve.R).any()]


def _warnings(first: list[Run], second: list[Run], shared: Common) -> list[str]:
    warnings = []
    runs = [*first, *second]
    if shared.left_out:
        warnings.append(f"left out, having only begun: {naming(shared.left_out)}")
    if shared.share < FIRM:
        warnings.append(f"only {shared.share:.0%} of the training")
    for what in ("commit", "image"):
        values = list(dict.fromkeys(getattr(run, what) for run in runs))
        if len(values) > 1:
            warnings.append(f"not the same {what}: {' / '.join(values)}")
    if any("+changes" in run.commit for run in runs):
        warnings.append("trained from a checkout with uncommitted changes")
    few = min(sum(run in shared.runs for run in side) for side in (first, second))
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


def naming(runs: list[Run]) -> str:
    """``st_flow_v1-s0, st_flow_v1-s1``."""
    return ", ".join(f"{run.experiment}-s{run.seed}" for run in runs)


def _last(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known[-1]) if len(known) else math.nan


def _pace(run: Run) -> float:
    """Seconds per epoch over the whole run."""
    hours = _last(run.curve.hours)
    return hours * 3600 / run.epochs if run.epochs else math.nan
