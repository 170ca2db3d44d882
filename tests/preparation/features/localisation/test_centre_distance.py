import numpy as np
import pytest

from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.localisations import CentreDistance


def test_distance_to_the_centre_of_mass():
    points = np.array([[0.0, 0, 0], [7, 7, 7], [6, 0, 8]])
    groups = Groups.from_labels(points, np.array([0, 1, 0]))  # rows 0, 2, 1
    assert CentreDistance().measure(groups)["centre_distance"] == pytest.approx([5, 5, 0])
