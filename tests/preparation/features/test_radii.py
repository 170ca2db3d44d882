import numpy as np
import pytest
from scipy.spatial.distance import cdist

from locgraph.preparation.features.neighbourhood import ball, neighbours_within


def test_points_at_the_radius_count_and_the_point_itself_does_not():
    points = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0], [0.0, 5.0001], [100.0, 0.0]])
    assert neighbours_within(points, 5.0).tolist() == [2, 3, 2, 1, 0]


@pytest.mark.parametrize("dimensions", [2, 3])
def test_equals_all_pairs(dimensions):
    points = np.random.default_rng(0).random((400, dimensions)) * 100
    for radius in (0.1, 7.0, 50.0, 1e4):
        expected = (cdist(points, points) <= radius).sum(axis=1) - 1
        assert neighbours_within(points, radius).tolist() == expected.tolist()


def test_a_distance_equal_to_the_radius_but_for_its_rounding_counts():
    points = np.array([[0.1, 0.0], [0.3, 0.0]])  # 0.19999999999999998 apart
    assert neighbours_within(points, 0.2).tolist() == [1, 1]
    assert neighbours_within(points[::-1] + 0.7, 0.2).tolist() == [1, 1]


def test_no_point():
    assert neighbours_within(np.zeros((0, 3)), 1.0).shape == (0,)


def test_disc_and_ball():
    assert ball(2.0, 2) == pytest.approx(4 * np.pi)
    assert ball(3.0, 3) == pytest.approx(36 * np.pi)
