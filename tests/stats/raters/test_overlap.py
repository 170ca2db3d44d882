"""Points matched one to one, and sets of rows."""

from itertools import permutations

import numpy as np
import pytest

from locgraph.stats.raters.overlap import count_overlap, match_points


def test_each_point_has_one_partner():
    first = np.array([[0.0, 0], [10, 0], [500, 500]])
    second = np.array([[4.0, 0], [900, 0]])
    assert match_points(first, second, 20).tolist() == [[0, 0]]


def test_as_many_pairs_as_possible_before_short_ones():
    # the nearest pair (10, 11) would leave the others alone
    first, second = np.array([[0.0], [10]]), np.array([[11.0], [19.5]])
    assert match_points(first, second, 12).tolist() == [[0, 0], [1, 1]]


def test_the_reach_belongs_to_it_and_zero_is_near():
    assert len(match_points(np.array([[0.0, 0]]), np.array([[3.0, 4]]), 5)) == 1
    assert len(match_points(np.array([[0.0, 0]]), np.array([[3.0, 4]]), 4.99)) == 0
    assert len(match_points(np.array([[7.0, 7]]), np.array([[7.0, 7]]), 1)) == 1


def test_no_points_have_no_pairs():
    nothing, one = np.zeros((0, 2)), np.zeros((1, 2))
    assert match_points(nothing, one, 5).shape == match_points(one, nothing, 5).shape == (0, 2)


@pytest.mark.parametrize("seed", range(5))
def test_the_matching_is_the_best_of_all(seed):
    rng = np.random.default_rng(seed)
    first, second = rng.uniform(0, 40, (5, 2)), rng.uniform(0, 40, (6, 2))
    distances = np.linalg.norm(first[:, None] - second, axis=2)
    best = max(
        ((near := distances[range(5), list(order)])[near <= 15].size, -near[near <= 15].sum())
        for order in permutations(range(6), 5)
    )
    pairs = match_points(first, second, 15)
    assert (len(pairs), -distances[pairs[:, 0], pairs[:, 1]].sum()) == (best[0], pytest.approx(best[1]))


def test_rows_in_both():
    first, second = np.array([1, 1, 1, 0, 0], bool), np.array([0, 1, 1, 1, 0], bool)
    assert count_overlap(first, second, np.ones(5, int)) == (2, 3, 3)
    assert count_overlap(first, second, np.array([10, 1, 1, 5, 100])) == (2, 12, 7)
