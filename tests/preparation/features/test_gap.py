"""Gap: the distance to the nearest localisation of another cluster."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.gap import Gap


def gaps(points, labels):
    return Gap().compute(Groups.from_labels(np.asarray(points, float), np.asarray(labels)))["gap"]


def test_known_clusters_and_one_alone():
    points = [[0, 0], [1, 0], [4, 4], [9, 9], [4, 10]]
    assert gaps(points, [0, 0, 1, 2, 2]) == pytest.approx([5, 5, 6])
    assert gaps(points, [0] * 5) == pytest.approx([0])
    assert gaps([[0, 0], [0, 0]], [0, 1]) == pytest.approx([0, 0])


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("spread", [5, 50, 400])
def test_all_pairs_give_the_same(dimensions, spread):
    generator = np.random.default_rng(spread)
    labels = np.repeat(np.arange(30), generator.integers(1, 25, 30))
    sizes = np.where(np.arange(30) == 7, 600, spread)  # one is as large as the field
    points = generator.uniform(0, 1000, (30, dimensions))[labels]
    points += generator.normal(size=points.shape) * sizes[labels][:, None]
    distances = cdist(points, points)
    expected = [distances[labels == label][:, labels != label].min() for label in range(30)]

    assert gaps(points, labels) == pytest.approx(expected)
    order = generator.permutation(len(points))
    assert gaps(points[order], labels[order]) == pytest.approx(expected)
