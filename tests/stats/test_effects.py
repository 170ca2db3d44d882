"""Effect sizes, against plain definitions, scipy, and numbers from tables."""

import numpy as np
import pytest
from scipy import stats

from locgraph.stats.effects import cliffs_delta, epsilon_squared, eta_squared, hedges_g


@pytest.mark.parametrize(("n", "m", "step"), [(5, 7, 0.01), (12, 9, 1.0), (2, 2, 0.01), (40, 3, 0.5)])
def test_cliffs_delta_is_the_mean_sign_of_all_pairs(n, m, step):
    rng = np.random.default_rng(n)
    a, b = np.round(rng.normal(0.4, 1, n) / step) * step, np.round(rng.normal(size=m) / step) * step

    found = cliffs_delta(a, b)

    assert found.estimate == pytest.approx(np.sign(a[:, None] - b).mean())
    assert found.estimate == pytest.approx(2 * stats.mannwhitneyu(a, b).statistic / (n * m) - 1)
    turned = cliffs_delta(b, a)
    assert (turned.estimate, turned.low, turned.high) == pytest.approx((-found.estimate, -found.high, -found.low))


def test_interval_of_cliffs_delta_from_all_pairs():
    rng = np.random.default_rng(3)
    a, b = np.round(rng.normal(0.7, 1, 15), 1), np.round(rng.normal(size=11), 1)
    signs = np.sign(a[:, None] - b)
    d, n, m, z = signs.mean(), 15, 11, stats.norm.ppf(0.975)
    sums = m**2 * ((signs.mean(1) - d) ** 2).sum() + n**2 * ((signs.mean(0) - d) ** 2).sum() - ((signs - d) ** 2).sum()
    s2 = sums / (n * m * (n - 1) * (m - 1))
    half = z * np.sqrt(s2 * ((1 - d**2) ** 2 + z**2 * s2))

    found = cliffs_delta(a, b)

    assert found.low == pytest.approx((d - d**3 - half) / (1 - d**2 + z**2 * s2))
    assert found.high == pytest.approx((d - d**3 + half) / (1 - d**2 + z**2 * s2))
    assert found.low < found.estimate < found.high


def test_classes_that_do_not_overlap():
    found = cliffs_delta(np.arange(10.0), np.arange(20.0, 40.0))

    wilson = stats.binomtest(10, 10).proportion_ci(method="wilson")
    assert (found.estimate, found.low) == (-1.0, -1.0)
    assert found.high == pytest.approx(1 - 2 * wilson.low)


def test_hedges_g_by_hand():
    # means 3 and 5, both with variance 1, n = m = 3: d = -2, corrected by 1 - 3/(4*4-1) = 0.8 to first order
    found = hedges_g(np.array([2.0, 3.0, 4.0]), np.array([4.0, 5.0, 6.0]))

    correction = np.sqrt(2 / 4) * 1.0 / (np.sqrt(np.pi) / 2)  # gamma(2) / (sqrt(2) gamma(1.5))
    assert found.estimate == pytest.approx(-2 * correction)
    assert found.estimate == pytest.approx(-2 * 0.8, rel=5e-3)
    half = 1.959964 * np.sqrt(6 / 9 + found.estimate**2 / 12)
    assert (found.low, found.high) == pytest.approx((found.estimate - half, found.estimate + half), rel=1e-6)


def test_without_variation_there_is_no_g():
    assert hedges_g(np.ones(3), np.full(4, 2.0)) is None
    assert hedges_g(np.full(3, 0.1) * 3, np.full(4, 0.3)) is None


def test_parts_of_variance():
    samples = [np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0]), np.array([7.0, 8.0, 9.0])]

    # sum of squares: 54 between of 60
    assert eta_squared(samples) == pytest.approx(54 / 60)
    f = stats.f_oneway(*samples).statistic
    assert eta_squared(samples) == pytest.approx(f * 2 / (f * 2 + 6))
    assert epsilon_squared(7.2, 9) == pytest.approx(0.9)
