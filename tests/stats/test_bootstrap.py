"""Bootstrap over owners of values."""

import numpy as np
import pytest
from scipy.stats import t

from locgraph.stats.bootstrap import mean_of_owners, ratio_interval

RNG = np.random.default_rng(1)


def test_the_interval_of_a_mean_is_that_of_student():
    values = RNG.normal(size=200)
    found = mean_of_owners(values, np.arange(200))
    half = t.ppf(0.975, 199) * values.std(ddof=1) / np.sqrt(200)

    assert found.estimate == pytest.approx(values.mean())
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.1)


def test_values_of_one_owner_count_together():
    owners = np.repeat(np.arange(20), 30)
    values = np.repeat(RNG.normal(size=20), 30)
    together, apart = mean_of_owners(values, owners), mean_of_owners(values, np.arange(600))

    assert (together.high - together.low) > 4 * (apart.high - apart.low)


def test_a_ratio_is_one_of_sums():
    above, below = np.array([1.0, 2, 3, 4, 5]), np.array([2.0, 2, 2, 2, 12])
    found = ratio_interval(above, below, np.arange(5))

    assert found.estimate == pytest.approx(15 / 20)
    assert found.low < found.estimate < found.high


def test_few_owners_have_no_interval():
    found = mean_of_owners(np.arange(8.0), np.repeat(["a", "b"], 4))
    assert (found.estimate, found.low, found.high) == (3.5, None, None)
    assert "only 2 independent units or groups" in found.reason
