import numpy as np
import pytest

from locgraph.errors import ConfigError
from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.localisations import LocalDensity


def test_other_localisations_of_any_cluster_count():
    points = np.array([[0.0, 0], [3, 4], [0, 0], [100, 0]])
    groups = Groups.from_labels(points, np.array([0, 1, 1, 0]))  # rows 0, 3, 1, 2
    density = LocalDensity(5.0).measure(groups)["local_density"]
    assert density == pytest.approx(np.array([2, 0, 2, 2]) / (25 * np.pi))


def test_volume_in_three_dimensions():
    groups = Groups.from_labels(np.array([[0.0, 0, 0], [0, 0, 1]]), np.array([0, 0]))
    assert LocalDensity(2.0).measure(groups)["local_density"] == pytest.approx([3 / (32 * np.pi)] * 2)
    assert [column.unit for column in LocalDensity(2.0).columns(3)] == ["1/nm^3"]


def test_radius_must_be_a_length():
    with pytest.raises(ConfigError, match=r"localisations\.local_density\.radius_nm must be a length above 0"):
        LocalDensity(-1)
