"""Intrinsic dimension of points whose dimension is known."""

import numpy as np
import pytest

from locgraph.errors import DataError
from locgraph.stats.intrinsic_dimension import (
    levina_bickel,
    neighbour_distances,
    neighbour_numbers,
    two_nearest_neighbours,
)

RNG = np.random.default_rng(0)
TURN = np.linalg.qr(RNG.normal(size=(12, 12)))[0]


def embedded(points: np.ndarray) -> np.ndarray:
    """Points of few dimensions, turned and shifted in twelve."""
    return np.pad(points, ((0, 0), (0, 12 - points.shape[1]))) @ TURN + 100.0


SHAPES = {
    "line": (1, embedded(RNG.uniform(size=(2000, 1)))),
    "plane": (2, embedded(RNG.uniform(size=(2000, 2)))),
    "gaussian": (5, embedded(RNG.normal(size=(2000, 5)))),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_both_estimates_find_the_dimension(shape):
    dimension, points = SHAPES[shape]
    owners = np.arange(len(points))
    ks = neighbour_numbers(len(points))
    two = two_nearest_neighbours(neighbour_distances(points, owners, 2))
    several = levina_bickel(neighbour_distances(points, owners, max(ks)), ks)

    assert two.estimate == pytest.approx(dimension, rel=0.12)
    assert several.estimate == pytest.approx(dimension, rel=0.12)
    assert two.low < two.estimate < two.high
    assert (two.high - two.low) < 0.25 * dimension


def test_levina_bickel_is_the_inverse_of_the_mean_inverse():
    points = RNG.normal(size=(60, 3))
    found = neighbour_distances(points, np.arange(60), 4)
    single = [1 / np.mean([np.log(row[3] / row[j]) for j in range(3)]) for row in found.distances]

    assert levina_bickel(found, (4,)).estimate == pytest.approx(1 / np.mean(1 / np.array(single)))


def test_repeated_points_change_nothing():
    points = RNG.normal(size=(80, 3))
    twice = np.concatenate([points, points[:30]])
    once = neighbour_distances(points, np.arange(80), 5)
    again = neighbour_distances(twice, np.arange(110), 5)

    np.testing.assert_allclose(again.distances, once.distances)
    assert (once.n_repeated, again.n_repeated) == (0, 30)


def test_the_scale_does_not_matter():
    points = RNG.normal(size=(100, 3))
    owners = np.arange(100)
    small, large = (two_nearest_neighbours(neighbour_distances(points * f, owners, 2)).estimate for f in (1e-9, 1e6))
    assert small == pytest.approx(large, rel=1e-6)


def test_neighbours_are_refused_where_eight_in_a_thousand_are_fewer_than_three():
    assert neighbour_numbers(375) == (3, 4, 5, 6)
    with pytest.raises(DataError, match=r"0.8 % of 374 different vectors are fewer than 3 neighbours; at least 375"):
        neighbour_numbers(374)


def test_equal_points_have_no_dimension():
    with pytest.raises(DataError, match="at least 20 different vectors, found 1 among 50"):
        neighbour_distances(np.ones((50, 4)), np.arange(50), 2)


def test_a_grid_has_no_dimension_by_two_neighbours():
    grid = np.stack(np.meshgrid(np.arange(8.0), np.arange(8.0)), -1).reshape(-1, 2)
    with pytest.raises(DataError, match="equally far"):
        two_nearest_neighbours(neighbour_distances(grid, np.arange(64), 2))
