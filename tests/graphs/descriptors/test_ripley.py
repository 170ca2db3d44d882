"""Ripley's L."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from locgraph.errors import ConfigError
from locgraph.graphs.descriptors import MAX_LOCALISATIONS, Ripley

RADII = (0.05, 0.1, 0.2)


def evenly(n, dimensions, seed=0):
    """Points spread evenly over a disc or ball of radius 1000."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n, dimensions))
    points *= 1000.0 * rng.random((n, 1)) ** (1 / dimensions) / np.linalg.norm(points, axis=1, keepdims=True)
    return points - points.mean(axis=0)


def test_by_hand():
    # four corners of a square: of six pairs four are 2 apart, and two farther; the disc has twice the area 2 pi of
    # that through the corners
    square = np.array([[0.0, 0.0], [0.0, 2.0], [2.0, 0.0], [2.0, 2.0]]) - 1.0
    found = Ripley([1.9, 2.0, 3.0], nm_per_unit=1.0).compute(square)

    np.testing.assert_allclose(found, 2.0 * np.sqrt([0, 4 / 6, 1]))
    np.testing.assert_allclose(Ripley([1.9, 2.0, 3.0], 0.5).compute(square / 2), found)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_agrees_with_all_pairs(dimensions):
    points = evenly(300, dimensions)
    radius = np.sqrt((points**2).sum(axis=1).mean())
    part = [(pdist(points) <= r * radius).mean() for r in RADII]

    expected = np.sqrt((dimensions + 2) / dimensions) * np.array(part) ** (1 / dimensions)

    np.testing.assert_allclose(Ripley(RADII).compute(points), expected)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_even_localisations_give_the_radius_and_clustered_ones_more(dimensions):
    even = Ripley(RADII).compute(evenly(4 * MAX_LOCALISATIONS, dimensions))
    clustered = Ripley(RADII).compute(np.repeat(evenly(100, dimensions), 5, axis=0))

    np.testing.assert_allclose(even, RADII, rtol=0.12)  # beyond the edge there is none
    assert (clustered > even * 1.2).all()


def test_a_sample_looks_for_neighbours_among_all():
    points = evenly(MAX_LOCALISATIONS + 1000, 2)
    part = np.array([(pdist(points) <= r * 1000 / np.sqrt(2)).mean() for r in RADII])

    np.testing.assert_allclose(Ripley(RADII).compute(points), np.sqrt(2 * part), rtol=0.02)


def test_one_localisation_has_no_neighbours():
    assert Ripley(RADII).compute(np.zeros((1, 3))).tolist() == [0.0] * 3


@pytest.mark.parametrize("radii", [(), (0.0, 1.0), (2.0, 1.0), (1.0, np.inf), (1.0, np.nan)])
def test_radii_that_do_not_ascend(radii):
    with pytest.raises(ConfigError, match=r"graph\.descriptors\.ripley\.radii must be one or more numbers that ascend"):
        Ripley(radii)
