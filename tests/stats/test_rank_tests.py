"""Rank tests of many columns at once, against scipy and the tests of one column."""

import numpy as np
import pytest
from scipy import stats

from locgraph.stats.effects import cliffs_delta, epsilon_squared
from locgraph.stats.rank_tests import rank_tests


@pytest.fixture
def cases() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 3, 60)
    values = np.stack([rng.normal(size=60) + groups, rng.integers(0, 4, 60), rng.normal(size=60)], axis=1)
    return values, groups


def test_p_values_are_those_of_scipy(cases):
    values, groups = cases
    found = rank_tests(values, groups, 4)
    for place, column in enumerate(values.T):
        h, p = stats.kruskal(*(column[groups == group] for group in range(3)))
        assert found.kruskal_p[place] == pytest.approx(p)
        assert found.epsilon_squared[place] == pytest.approx(epsilon_squared(h, 60))
        for group in range(3):
            a, b = column[groups == group], column[groups != group]
            assert found.p[group, place] == pytest.approx(stats.mannwhitneyu(a, b, method="asymptotic").pvalue)
            assert found.delta[group, place] == pytest.approx(cliffs_delta(a, b).estimate)
    assert np.isnan(found.delta[3]).all()  # a group without a case


def test_a_column_that_does_not_vary_has_no_test(cases):
    found = rank_tests(np.ones((60, 1)), cases[1], 3)
    assert np.isnan(found.kruskal_p).all()
