"""The report's statistics against values worked out by hand and by scipy."""

import math

import numpy as np
import pytest
from scipy import stats

from pwm.suite.report import statistics


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([5.0], 5.0),
        ([1.0, 2.0], 1.5),
        ([1.0, 2.0, 9.0], 4.0),  # fewer than four: nothing to trim
        ([100.0, 2.0, 4.0, -50.0], 3.0),
        ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 80.0], 4.5),
    ],
)
def test_the_interquartile_mean_is_the_mean_of_the_middle_half(values: list[float], expected: float) -> None:
    assert float(statistics.iqm(values)) == pytest.approx(expected)


def test_one_run_gives_no_interval() -> None:
    alone = statistics.interval([3.0])
    assert alone.estimate == 3 and not alone.known and alone.sign == 0
    assert not statistics.difference([1.0], [2.0, 3.0]).known


def test_the_interval_of_two_runs_is_students() -> None:
    """Nothing is trimmed, so the exact standard error is |a - b| / 2 and t has one degree of freedom."""
    low, high = stats.t.interval(0.95, df=1, loc=3, scale=1)
    found = statistics.interval([2.0, 4.0])
    assert found.low == pytest.approx(low, rel=0.05) and found.high == pytest.approx(high, rel=0.05)


def test_the_standard_error_is_that_of_scipys_bootstrap() -> None:
    sample = np.random.default_rng(1).normal(size=12)
    result = stats.bootstrap(
        (sample,), lambda x, axis: stats.trim_mean(x, 0.25, axis=axis), n_resamples=20000
    )
    expected = result.standard_error * math.sqrt(12 / 11)
    assert math.sqrt(float(statistics.variance(sample))) == pytest.approx(expected, rel=0.06)


def test_a_difference_of_three_runs_a_side_is_welchs() -> None:
    a, b = [10.0, 12.0, 17.0], [1.0, 2.0, 6.0]
    expected = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    found = statistics.difference(a, b)
    assert found.estimate == pytest.approx(10)
    assert found.low == pytest.approx(expected.low, rel=0.1) and found.high == pytest.approx(
        expected.high, rel=0.1
    )


def test_the_probability_of_improvement_is_the_mann_whitney_statistic() -> None:
    a, b = [3.0, 1.0, 4.0, 4.0], [2.0, 4.0, 0.0]
    expected = stats.mannwhitneyu(a, b).statistic / 12
    assert statistics.probability_of_improvement(a, b) == pytest.approx(expected)
    assert statistics.probability_of_improvement([5.0], [5.0]) == 0.5


@pytest.mark.parametrize(("n", "low", "high"), [(3, 0.93, 1.0), (5, 0.93, 1.0), (20, 0.925, 0.985)])
def test_without_an_effect_the_interval_covers_zero_at_its_rate(n: int, low: float, high: float) -> None:
    random = np.random.default_rng(0)
    trials = 400
    covered = sum(
        statistics.difference(random.normal(size=n), random.normal(size=n)).sign == 0 for _ in range(trials)
    )
    assert low <= covered / trials <= high


@pytest.mark.parametrize("n", [5, 20])
def test_a_planted_effect_is_found(n: int) -> None:
    random = np.random.default_rng(0)
    found = [
        statistics.difference(random.normal(3.0, 1.0, size=n), random.normal(0.0, 1.0, size=n)).sign
        for _ in range(100)
    ]
    assert sum(sign == 1 for sign in found) >= 90
    assert -1 not in found


def test_equal_runs_leave_nothing_uncertain() -> None:
    assert statistics.difference([2.0, 2.0], [1.0, 1.0]) == (1.0, 1.0, 1.0)
