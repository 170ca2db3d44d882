"""Intervals over all test FOVs: of independent ones by known formulas, of groups by what they cover."""

import numpy as np
import pytest

from locgraph.stats.intervals import wilson_interval
from locgraph.stats.pooled import pooled_accuracy, pooled_difference


def ends(interval):
    return interval.estimate, interval.low, interval.high


def answers(right, total):
    return np.repeat([1.0, 0.0], [right, total - right])


@pytest.mark.parametrize(("right", "total"), [(245, 245), (231, 245), (0, 7)])
def test_independent_fovs_have_wilsons_interval(right, total):
    found = pooled_accuracy(answers(right, total), np.full(total, "a"), np.arange(total), None)

    assert ends(found) == pytest.approx(ends(wilson_interval(right, total)))


def test_a_fov_counts_once_however_often_it_was_tested():
    correct, fovs = answers(9, 10), np.arange(10)
    once = pooled_accuracy(correct, np.full(10, "a"), fovs, None)

    again = pooled_accuracy(np.tile(correct, 3), np.full(30, "a"), np.tile(fovs, 3), None)

    assert ends(again) == pytest.approx(ends(once))


def test_a_balanced_score_has_the_variance_of_its_recalls():
    """Recalls of 0.5 (10 FOVs) and 0.9 (100) have the variance of (0.5 * 0.5 / 10 + 0.9 * 0.1 / 100) / 4."""
    correct = np.concatenate([answers(5, 10), answers(90, 100)])
    classes = np.repeat(["rare", "common"], [10, 100])

    found = pooled_accuracy(correct, classes, np.arange(110), None, balanced=True)

    n = 0.7 * 0.3 / ((0.025 + 0.0009) / 4)
    centre, half = (0.7 + 1.9208 / n), 1.95996 * np.sqrt(0.21 / n + 0.9604 / n**2)
    expected = [(centre - half) / (1 + 3.8415 / n), (centre + half) / (1 + 3.8415 / n)]
    assert ends(found) == pytest.approx((0.7, *expected), abs=1e-4)


def test_perfect_groups_are_as_many_observations_as_there_are_groups():
    groups = np.repeat(np.arange(20), 50)

    found = pooled_accuracy(np.ones(1000), np.full(1000, "a"), np.arange(1000), groups)

    # 20 groups, of which t with 19 degrees of freedom leaves (1.96 / 2.093)^2
    assert found.estimate == found.high == 1
    assert found.low == pytest.approx(0.82, abs=0.01)
    assert found.low < wilson_interval(20, 20).low < wilson_interval(1000, 1000).low


@pytest.mark.parametrize(("n_groups", "size", "alike"), [(6, 15, 0.3), (12, 15, 0.3), (12, 15, 0.95), (30, 10, 0.1)])
def test_intervals_of_groups_cover_the_truth(n_groups, size, alike):
    """Beta-binomial groups: an interval that takes FOVs for independent covers the truth far too seldom."""
    rng = np.random.default_rng(0)
    groups, truth = np.repeat(np.arange(n_groups), size), 0.9
    classes, fovs = np.full(len(groups), "a"), np.arange(len(groups))
    covered = {"groups": 0, "fovs": 0}
    for _ in range(200):
        shape = np.array([truth, 1 - truth]) * (1 - alike) / alike
        chances = rng.beta(*shape, n_groups)
        correct = (rng.random(len(groups)) < chances[groups]).astype(float)
        for name, owners in (("groups", groups), ("fovs", None)):
            found = pooled_accuracy(correct, classes, fovs, owners)
            covered[name] += found.low <= truth <= found.high

    assert covered["groups"] >= 0.95 * 200
    assert covered["fovs"] < 0.9 * 200


@pytest.mark.parametrize("n_groups", [1, 4])
def test_few_groups_have_no_interval_and_the_reason(n_groups):
    groups = np.arange(40) % n_groups
    arguments = (np.full(40, "a"), np.arange(40), groups)

    for found in (pooled_accuracy(answers(30, 40), *arguments), pooled_difference(answers(30, 40), *arguments)):
        assert ends(found) == (0.75, None, None)
        assert found.reason.startswith(f"only {n_groups} group")
        assert "at least 5" in found.reason


def test_the_paired_difference_is_that_of_agresti_and_min():
    """794 right by both, 150 and 86 by one, 570 by none (Agresti and Min 2005, section 1)."""
    differences = np.repeat([0.0, 1.0, -1.0, 0.0], [794, 150, 86, 570])
    b, c, n = 150.5, 86.5, 1602
    middle, half = (b - c) / n, 1.959964 * np.sqrt(b + c - (b - c) ** 2 / n) / n

    found = pooled_difference(differences, np.full(1600, "a"), np.arange(1600), None)

    assert ends(found) == pytest.approx((0.04, middle - half, middle + half))


def test_two_perfect_methods_differ_by_nothing_that_is_certain():
    found = pooled_difference(np.zeros(50), np.full(50, "a"), np.arange(50), None)
    of_groups = pooled_difference(np.zeros(50), np.full(50, "a"), np.arange(50), np.arange(50) // 5)

    assert found.estimate == 0
    assert found.high == -found.low == pytest.approx(1.959964 / 52)
    assert of_groups.high > 4 * found.high
