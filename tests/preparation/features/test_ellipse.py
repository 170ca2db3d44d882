import numpy as np
import pytest

from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.shape import Ellipse


def eccentricity(points):
    return Ellipse().compute(Groups.from_labels(points, np.zeros(len(points), dtype=int)))["eccentricity"][0]


def ring(a, b):
    angles = 2 * np.pi * np.arange(60) / 60
    return np.stack([a * np.cos(angles), b * np.sin(angles)], axis=1)


@pytest.mark.parametrize(("a", "b", "expected"), [(5.0, 3.0, 0.8), (13.0, 5.0, 12 / 13), (2.0, 2.0, 0.0)])
def test_that_of_an_ellipse_with_these_half_axes(a, b, expected):
    assert eccentricity(ring(a, b)) == pytest.approx(expected, abs=2e-8)


def test_what_is_almost_round_keeps_its_digits():
    b = 1 - 1e-10
    assert eccentricity(ring(1.0, b)) == pytest.approx(np.sqrt(1 - b**2), rel=1e-5)


def test_three_dimensions_takes_the_two_longest_axes():
    rings = np.column_stack([ring(5.0, 3.0), np.tile([-1.0, 1.0], 30)])
    assert eccentricity(rings[:, [2, 0, 1]]) == pytest.approx(0.8, rel=1e-3)


def test_a_line_has_one_and_a_place_none():
    assert eccentricity(np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 6.0]])) == 1.0
    assert eccentricity(np.full((4, 2), 0.1)) == 0.0
    assert eccentricity(np.array([[7.0, 8.0]])) == 0.0
