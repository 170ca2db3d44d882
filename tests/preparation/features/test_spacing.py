import numpy as np
import pytest
from scipy.spatial.distance import cdist

from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.neighbourhood import Spacing, nearest_distances


def test_hand_made():
    points = np.array([[0.0, 0], [3, 4], [3, 5], [20, 5], [0, 0.5], [7, 7]])
    groups = Groups.from_labels(points, np.array([0, 0, 0, 0, 1, 2]))
    assert nearest_distances(groups) == pytest.approx([5, 1, 1, 17, 0, 0])
    values = Spacing().compute(groups)
    assert values["spacing_mean"] == pytest.approx([6, 0, 0])
    assert values["spacing_median"] == pytest.approx([3, 0, 0])


def test_repeated_localisations_are_at_no_distance():
    points = np.array([[1.0, 1], [1, 1], [1, 1], [2, 1]])
    assert nearest_distances(Groups.from_labels(points, np.zeros(4, dtype=int))) == pytest.approx([0, 0, 0, 1])


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e8])
def test_clusters_within_each_other_stay_apart(dimensions, scale):
    rng = np.random.default_rng(0)
    points, labels = rng.normal(size=(300, dimensions)) * scale, rng.integers(0, 20, 300)
    found = nearest_distances(Groups.from_labels(points, labels))
    order = np.argsort(labels, kind="stable")
    for row, distance in zip(order, found, strict=True):
        own = points[(labels == labels[row]) & (np.arange(300) != row)]
        assert distance == pytest.approx(cdist(points[[row]], own).min(), rel=1e-9)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_large_clusters_among_small_ones(dimensions):
    rng = np.random.default_rng(1)
    labels = rng.permutation(np.repeat(np.arange(5), [3, 500, 200, 201, 1]))
    points = rng.integers(0, 40, (len(labels), dimensions)) * 1.5 + rng.integers(0, 100, (5, dimensions))[labels]
    points[labels == 1] = np.vstack([points[labels == 1][:100], np.tile(points[labels == 1][:2], (200, 1))])
    points[labels == 3] = rng.random((201, dimensions)) * 30
    found = nearest_distances(Groups.from_labels(points, labels))
    order = np.argsort(labels, kind="stable")
    for row, distance in zip(order, found, strict=True):
        others = points[(labels == labels[row]) & (np.arange(len(labels)) != row)]
        expected = cdist(points[[row]], others).min() if len(others) else 0.0
        assert distance == pytest.approx(expected, rel=1e-9)


def test_many_localisations_at_one_place_are_no_trouble():
    points = np.vstack([np.full((300_000, 2), 7.7), [[3.7, 4.7]]])
    found = nearest_distances(Groups.from_labels(points, np.zeros(len(points), dtype=int)))
    assert found[-1] == pytest.approx(5.0)
    assert not found[:-1].any()


def test_no_localisation():
    assert nearest_distances(Groups.from_labels(np.zeros((0, 2)), np.zeros(0, dtype=int))).shape == (0,)
