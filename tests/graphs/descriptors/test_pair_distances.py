"""The histogram of pair distances."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from locgraph.errors import ConfigError
from locgraph.graphs.descriptors import MAX_LOCALISATIONS, PairDistances, extent, pair_histogram

SQUARE = np.array([[0.0, 0.0], [0.0, 2.0], [2.0, 0.0], [2.0, 2.0]]) - 1.0


def cloud(n=150, dimensions=2, seed=0):
    points = np.random.default_rng(seed).normal(size=(n, dimensions)) * [300.0, 100.0, 50.0][:dimensions]
    return points - points.mean(axis=0)


def test_a_square_has_four_sides_and_two_diagonals():
    np.testing.assert_allclose(pair_histogram(SQUARE, 8, 4.0), [0, 0, 0, 0, 4 / 6, 2 / 6, 0, 0])
    # its extent is the square root of 2: sides 1.41, diagonals 2
    np.testing.assert_allclose(PairDistances(4, 2.4).compute(SQUARE), [0, 0, 4 / 6, 2 / 6])
    np.testing.assert_allclose(PairDistances(4, 4.0, nm_per_unit=0.5).compute(SQUARE), [0, 0, 0, 1])


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("nm_per_unit", [None, 120.0])
def test_agrees_with_scipy_and_numpy(dimensions, nm_per_unit):
    points = cloud(dimensions=dimensions)
    distances = np.minimum(pdist(points) / (nm_per_unit or extent(points)), 2.999)

    found = PairDistances(16, 3.0, nm_per_unit).compute(points)

    np.testing.assert_allclose(found, np.histogram(distances, bins=16, range=(0, 3))[0] / len(distances))


def test_a_sample_of_a_large_fov_is_near_the_whole():
    points = cloud(3 * MAX_LOCALISATIONS)

    found = PairDistances(32).compute(points)

    assert np.abs(found - pair_histogram(points, 32, 4.0 * extent(points))).max() < 0.005


def test_one_alone_has_no_pair_and_a_given_unit_tells_size():
    assert not PairDistances().compute(np.zeros((1, 2))).any()
    found = PairDistances(nm_per_unit=100.0)
    assert np.abs(found.compute(cloud()) - found.compute(2 * cloud())).max() > 0.01


@pytest.mark.parametrize("settings", [{"n_bins": 0}, {"longest": 0.0}, {"longest": np.inf}])
def test_settings_out_of_range(settings):
    with pytest.raises(ConfigError, match=r"graph\.descriptors\.pair_distances expects n_bins of at least 1"):
        PairDistances(**settings)
