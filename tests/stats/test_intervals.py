import numpy as np
import pytest
from scipy import stats

from locgraph.errors import DataError
from locgraph.stats.intervals import Interval, joined, mean_interval, wilson_interval

VALUES = [0.91, 0.95, 0.89, 0.97, 0.93]


def test_interval_of_independent_values_agrees_with_scipy():
    found = mean_interval(VALUES, overlap=0)
    low, high = stats.t.interval(0.95, 4, loc=np.mean(VALUES), scale=stats.sem(VALUES))
    assert (found.estimate, found.low, found.high) == pytest.approx((0.93, low, high))


def test_folds_that_share_training_fovs_have_the_variance_of_nadeau_and_bengio():
    scale = np.sqrt(np.var(VALUES, ddof=1) * (1 / 5 + 49 / 196))
    low, high = stats.t.interval(0.95, 4, loc=0.93, scale=scale)

    found = mean_interval(VALUES, overlap=49 / 196)

    assert (found.low, found.high) == pytest.approx((low, high))
    assert scale == pytest.approx(1.5 * stats.sem(VALUES))


def test_the_interval_ends_at_the_bounds():
    found = mean_interval([1.0, 0.9, 1.0], 0.5, bounds=(0.0, 1.0))
    assert found.high == 1
    assert found.low == mean_interval([1.0, 0.9, 1.0], 0.5).low


@pytest.mark.parametrize(("values", "reason"), [([0.5], "one fold does not show"), ([0.98] * 5, "all folds are equal")])
def test_values_without_spread_have_no_interval(values, reason):
    found = mean_interval(values, 0.25)
    assert (found.estimate, found.low, found.high) == (pytest.approx(values[0]), None, None)
    assert reason in found.reason


def test_joined_holds_every_interval_and_the_estimate():
    nothing, one, other = Interval(0.5, None, None, "a"), Interval(0.5, 0.4, 0.6), Interval(0.7, 0.55, 0.8)
    assert joined(0.9, [nothing, one, other]) == Interval(0.9, 0.4, 0.9)
    assert joined(0.5, [nothing, nothing, Interval(0.5, None, None, "b")]) == Interval(0.5, None, None, "a; b")


def test_no_value_is_refused():
    with pytest.raises(DataError, match="at least one value"):
        mean_interval([], 0.25)


@pytest.mark.parametrize(("correct", "total"), [(0, 10), (10, 10), (231, 245), (1, 1)])
def test_wilson_agrees_with_scipy(correct, total):
    expected = stats.binomtest(correct, total).proportion_ci(0.95, method="wilson")
    found = wilson_interval(correct, total)
    assert (found.estimate, found.low, found.high) == pytest.approx((correct / total, expected.low, expected.high))
    assert 0 <= found.low < found.high <= 1


@pytest.mark.parametrize(("correct", "total"), [(-1, 10), (11, 10), (0, 0)])
def test_wilson_refuses_what_is_no_proportion(correct, total):
    with pytest.raises(DataError, match=f"found {correct} of {total}"):
        wilson_interval(correct, total)
