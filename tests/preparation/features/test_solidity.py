import numpy as np
import pytest
from scipy.spatial import QhullError

from locgraph.errors import ConfigError
from locgraph.preparation.features import filling
from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.filling import Solidity


def measure(points, alpha_nm, labels=None):
    labels = np.zeros(len(points), dtype=int) if labels is None else labels
    return Solidity(alpha_nm).compute(Groups.from_labels(points, labels))["solidity"]


def grid(*sides):
    return np.stack(np.meshgrid(*[np.arange(side + 1.0) for side in sides]), axis=-1).reshape(-1, len(sides))


def test_an_l_of_unit_squares():
    square = grid(4, 4)
    shape = square[(square[:, 0] <= 1) | (square[:, 1] <= 1)]
    # 7 squares and the half of one in the inner corner; the hull cuts a triangle of side 3 off 16
    assert measure(shape, 0.8)[0] == pytest.approx(7.5 / (16 - 4.5))
    assert measure(shape, 100.0)[0] == pytest.approx(1.0)


def test_a_hole_is_seen_until_alpha_spans_it():
    square = grid(6, 6)
    ring = square[(np.abs(square - 3) >= 2).any(axis=1)]  # a hole of side 4, whose circumscribed radius is 2.83
    assert measure(ring, 0.8)[0] == pytest.approx((36 - 16 + 4 * 0.5) / 36)  # 4 inner corners
    assert measure(ring, 3.0)[0] == pytest.approx(1.0)


def test_separate_parts_in_three_dimensions():
    points = np.vstack([grid(1, 1, 1), grid(1, 1, 1) + np.array([4.0, 0.0, 0.0])])
    assert measure(points, 0.9)[0] == pytest.approx(2 / 5)  # half a unit cube's diagonal is 0.87
    assert measure(points, 0.8)[0] == pytest.approx(0.0)
    assert measure(points, 50.0)[0] == pytest.approx(1.0)


def test_a_radius_equal_to_alpha_counts():
    assert measure(grid(2, 2), np.sqrt(0.5))[0] == pytest.approx(1.0)
    assert measure(grid(2, 2) * 0.1 + 0.3, np.sqrt(0.5) * 0.1)[0] == pytest.approx(1.0)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_degenerate_clusters_among_others(dimensions):
    line = np.arange(5.0)[:, None] * np.arange(1.0, dimensions + 1)
    clusters = [np.ones((4, dimensions)), grid(*[3] * dimensions), line, np.zeros((1, dimensions))]
    labels = np.repeat(np.arange(4), [len(points) for points in clusters])
    assert measure(np.vstack(clusters), 0.9, labels) == pytest.approx([0.0, 1.0, 0.0, 0.0])


def test_what_qhull_refuses_has_none(monkeypatch):
    def refuse(points):
        raise QhullError("initial simplex is flat")

    monkeypatch.setattr(filling, "Delaunay", refuse)
    assert measure(grid(2, 2), 1.0).tolist() == [0.0]


def test_alpha_must_be_a_length():
    with pytest.raises(ConfigError, match=r"features\.features\.solidity\.alpha_nm must be a length above 0"):
        Solidity(0)
