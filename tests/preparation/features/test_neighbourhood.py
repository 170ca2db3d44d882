"""Distances and densities between clusters, and between localisations."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.neighbourhood import (
    Neighbourhood,
    nearest_distances,
    neighbours_within,
)


def one_each(points):
    """Clusters of one localisation each."""
    points = np.asarray(points, dtype=float)
    return Groups.from_labels(points, np.arange(len(points)))


def test_corners_of_a_square():
    values = Neighbourhood(2, [10, 12, 15]).compute(one_each([[0, 0], [10, 0], [10, 10], [0, 10]]))
    assert values["neighbour_distance"] == pytest.approx([10] * 4)
    assert values["neighbour_distance_mean"] == pytest.approx([10] * 4)
    assert values["cluster_density_10nm"] == pytest.approx([2 / (np.pi * 100)] * 4)
    assert values["ripley_l_10nm"] == pytest.approx([np.sqrt(100 * 2 / (np.pi * 3))] * 4)
    assert values["ripley_l_15nm"] == pytest.approx([np.sqrt(100 * 3 / (np.pi * 3))] * 4)


def test_fewer_clusters_than_k():
    values = Neighbourhood(5, [100.0]).compute(one_each([[0, 0], [3, 4], [0, 10]]))
    assert values["neighbour_distance"] == pytest.approx([5, 5, np.hypot(3, 6)])
    assert values["neighbour_distance_mean"][0] == pytest.approx(7.5)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_clusters_at_random_have_an_l_of_about_the_radius(dimensions):
    points = np.random.default_rng(0).random((4000, dimensions)) * 1000
    inside = (np.abs(points - 500) < 400).all(axis=1)  # no edge within the radius
    result = Neighbourhood(1, [100.0]).compute(one_each(points))["ripley_l_100nm"]
    assert result[inside].mean() == pytest.approx(100, rel=0.03)
    assert result[~inside].mean() < 96  # at the rim, neighbours outside are not seen


def test_a_cluster_alone_and_coincident_clusters():
    one = Groups.from_labels(np.random.default_rng(0).random((5, 2)), np.zeros(5, dtype=int))
    alone = Neighbourhood(3, [50.0]).compute(one)
    assert set(alone) == {column.name for column in Neighbourhood(3, [50.0]).columns(2)}
    assert all(value.tolist() == [0.0] for value in alone.values())
    same = Neighbourhood(3, [50.0]).compute(one_each(np.ones((4, 2))))
    assert same["neighbour_distance"].tolist() == [0.0] * 4
    assert same["cluster_density_50nm"] == pytest.approx([3 / (np.pi * 2500)] * 4)
    assert same["ripley_l_50nm"].tolist() == [0.0] * 4


def test_repeated_localisations_are_at_no_distance():
    points = np.array([[1.0, 1], [1, 1], [1, 1], [2, 1]])
    assert nearest_distances(Groups.from_labels(points, np.zeros(4, dtype=int))) == pytest.approx([0, 0, 0, 1])


@pytest.mark.parametrize("dimensions", [2, 3])
def test_large_clusters_among_small_ones(dimensions):
    rng = np.random.default_rng(1)
    labels = rng.permutation(np.repeat(np.arange(5), [3, 500, 200, 201, 1]))
    points = rng.integers(0, 40, (len(labels), dimensions)) * 1.5 + rng.integers(0, 100, (5, dimensions))[labels]
    points[labels == 1] = np.vstack([points[labels == 1][:100], np.tile(points[labels == 1][:2], (200, 1))])
    points[labels == 3] = rng.random((201, dimensions)) * 30
    result = nearest_distances(Groups.from_labels(points, labels))
    order = np.argsort(labels, kind="stable")
    for row, distance in zip(order, result, strict=True):
        others = points[(labels == labels[row]) & (np.arange(len(labels)) != row)]
        expected = cdist(points[[row]], others).min() if len(others) else 0.0
        assert distance == pytest.approx(expected, rel=1e-9)


def test_many_localisations_at_one_place_are_no_trouble():
    points = np.vstack([np.full((300_000, 2), 7.7), [[3.7, 4.7]]])
    result = nearest_distances(Groups.from_labels(points, np.zeros(len(points), dtype=int)))
    assert result[-1] == pytest.approx(5.0)
    assert not result[:-1].any()


def test_points_at_the_radius_count_and_the_point_itself_does_not():
    points = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0], [0.0, 5.0001], [100.0, 0.0]])
    assert neighbours_within(points, 5.0).tolist() == [2, 3, 2, 1, 0]


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("decimals", [9, -1])  # -1: many at one place, and at exactly the radius
def test_equals_all_pairs(dimensions, decimals):
    points = np.round(np.random.default_rng(0).random((400, dimensions)) * 100, decimals)
    for radius in (0.1, 7.0, 10.0, 50.0, 1e4):
        expected = (cdist(points, points) <= radius).sum(axis=1) - 1
        assert neighbours_within(points, radius).tolist() == expected.tolist()


def test_pairs_are_not_listed_one_by_one():
    points = np.random.default_rng(0).random((200_000, 2))  # 4 10^10 pairs
    assert (neighbours_within(points, 2.0) == 199_999).all()
    assert neighbours_within(np.empty((0, 2)), 2.0).shape == (0,)


def test_a_distance_equal_to_the_radius_but_for_its_rounding_counts():
    points = np.array([[0.1, 0.0], [0.3, 0.0]])  # 0.19999999999999998 apart
    assert neighbours_within(points, 0.2).tolist() == [1, 1]
    assert neighbours_within(points[::-1] + 0.7, 0.2).tolist() == [1, 1]
