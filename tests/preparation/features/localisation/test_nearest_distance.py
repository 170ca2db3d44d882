import numpy as np
import pytest

from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.localisations import NearestDistance


def test_only_the_own_cluster_counts():
    points = np.array([[0.0, 0], [0, 1], [3, 4], [50, 50]])
    groups = Groups.from_labels(points, np.array([0, 1, 0, 2]))  # rows 0, 2, 1, 3
    assert NearestDistance().measure(groups)["nearest_distance"] == pytest.approx([5, 5, 0, 0])
