"""Tests for differences, against scipy."""

import warnings

import numpy as np
import pytest
from scipy import stats

from locgraph.stats.tests import anova, false_discovery, holm, is_constant, kruskal, mann_whitney, welch


@pytest.fixture
def samples():
    rng = np.random.default_rng(2)
    return [rng.normal(mean, 1 + mean, size) for mean, size in ((0, 8), (0.5, 12), (2, 5))]


def test_tests_are_those_of_scipy(samples):
    a, b, _ = samples
    u, t = stats.mannwhitneyu(a, b), stats.ttest_ind(a, b, equal_var=False)
    assert (mann_whitney(a, b).statistic, mann_whitney(a, b).p) == (u.statistic, u.pvalue)
    assert (welch(a, b).statistic, welch(a, b).df, welch(a, b).p) == pytest.approx((t.statistic, t.df, t.pvalue))
    h, f = stats.kruskal(*samples), stats.f_oneway(*samples)
    assert (kruskal(samples).statistic, kruskal(samples).p, kruskal(samples).df) == (h.statistic, h.pvalue, 2)
    assert (anova(samples).statistic, anova(samples).p, anova(samples).df) == (f.statistic, f.pvalue, 2)


def test_welch_works_silently_where_one_sample_does_not_vary():
    constant, other = np.full(5, 1e6), np.arange(4.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = welch(constant, other)
    assert result.df == pytest.approx(3)
    assert result.p < 1e-10


def test_false_discoveries_leave_gaps_out():
    q = false_discovery(np.array([0.01, np.nan, 0.02, 0.9]))
    np.testing.assert_allclose(q, [0.03, np.nan, 0.03, 0.9])
    assert np.isnan(false_discovery(np.full(2, np.nan))).all()


def test_constant_samples():
    assert is_constant(np.full(3, 0.3), np.array([0.1 + 0.2]))
    assert not is_constant(np.full(3, 0.3), np.full(2, 0.4))


def test_holm_by_hand():
    # 0.01 * 4, then 0.02 * 3, then 0.03 * 2 = 0.06, and 0.2
    p = np.array([0.2, 0.01, np.nan, 0.03, 0.02])
    np.testing.assert_allclose(holm(p), [0.2, 0.04, np.nan, 0.06, 0.06])
    np.testing.assert_allclose(holm(np.array([0.6, 0.7])), [1.0, 1.0])
    assert holm(np.array([])).shape == (0,)
