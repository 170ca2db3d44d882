import numpy as np
import pytest
from scipy import stats

from locgraph.errors import DataError
from locgraph.stats.intervals import mean_interval, wilson_interval


def test_t_interval_agrees_with_scipy():
    values = [0.91, 0.95, 0.89, 0.97, 0.93]
    found = mean_interval(values)
    low, high = stats.t.interval(0.95, 4, loc=np.mean(values), scale=stats.sem(values))
    assert (found.estimate, found.low, found.high) == pytest.approx((0.93, low, high))


def test_the_interval_ends_at_the_bounds():
    found = mean_interval([1.0, 0.9, 1.0], bounds=(0.0, 1.0))
    assert found.high == 1
    assert found.low == mean_interval([1.0, 0.9, 1.0]).low


def test_one_value_has_no_interval():
    found = mean_interval([0.5])
    assert (found.estimate, found.low, found.high) == (0.5, None, None)


def test_no_value_is_refused():
    with pytest.raises(DataError, match="at least one value"):
        mean_interval([])


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
