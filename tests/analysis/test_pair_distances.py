import numpy as np
import pytest
from scipy.spatial.distance import pdist

from locgraph.analysis.pair_distances import fit_max_distance, fov_descriptor
from locgraph.errors import ConfigError, DataError
from locgraph.graphs.descriptors import MAX_LOCALISATIONS


def describe(points, **changes):
    return fov_descriptor(np.asarray(points, dtype=float), **{"max_distance_nm": 10.0, "with_count": False} | changes)


def cloud(n=120, dimensions=2, seed=0):
    return np.random.default_rng(seed).normal(size=(n, dimensions)) * [3.0, 1.0, 0.5][:dimensions]


def test_a_square_has_four_sides_and_two_diagonals():
    square = [[0, 0], [0, 2], [2, 0], [2, 2]]
    found = describe(square, max_distance_nm=4.0, n_bins=4)
    # Distances 2 (four times) and 2.83 (twice) both lie in the third bin, from 2 to 3.
    np.testing.assert_allclose(found, [0, 0, 1, 0, 1, 1])
    finer = describe(square, max_distance_nm=4.0, n_bins=8)[:8]
    np.testing.assert_allclose(finer, [0, 0, 0, 0, 4 / 6, 2 / 6, 0, 0])


@pytest.mark.parametrize("dimensions", [2, 3])
def test_histogram_agrees_with_scipy_and_numpy(dimensions):
    points = cloud(dimensions=dimensions)
    distances = np.minimum(pdist(points), 7.999)
    expected = np.histogram(distances, bins=60, range=(0, 8))[0] / len(distances)
    found = describe(points, max_distance_nm=8.0)
    np.testing.assert_allclose(found[:60], expected)
    deviations = np.sqrt(np.linalg.eigvalsh(np.cov(points.T, bias=True)))[::-1]
    np.testing.assert_allclose(found[60:], deviations)


def test_the_last_bin_holds_all_that_is_farther_even_very_far():
    assert describe([[0, 0], [1e100, 0]])[59] == 1
    assert describe([[0, 0], [10, 0]])[59] == 1


def test_the_number_comes_last_and_only_when_asked_for():
    points = cloud(37)
    with_count = describe(points, with_count=True)
    assert with_count[-1] == 37
    np.testing.assert_array_equal(with_count[:-1], describe(points))


def test_shift_rotation_reflection_and_order_change_nothing():
    points = cloud()
    angle = 0.7
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (points @ rotation * [1, -1] + [1e6, -2e6])[::-1]
    np.testing.assert_allclose(describe(moved), describe(points), atol=1e-6)


def test_rescaling_with_its_range_rescales_only_the_extent():
    points = cloud()
    found, bigger = describe(points), describe(points * 4, max_distance_nm=40.0)
    np.testing.assert_allclose(bigger, [*found[:60], *(4 * found[60:])])


def test_one_metre_from_the_origin_the_extent_is_exact():
    np.testing.assert_allclose(describe(cloud() + 1e9)[60:], describe(cloud())[60:], rtol=1e-6)


def test_one_localisation_and_repeated_ones():
    np.testing.assert_array_equal(describe([[3, 4]], with_count=True), [*np.zeros(62), 1])
    repeated = describe([[3, 4]] * 5)
    assert repeated[0] == 1
    assert not repeated[1:].any()


def test_big_fovs_are_thinned_alike_every_time_and_keep_number_and_extent():
    points = cloud(3 * MAX_LOCALISATIONS)
    found = describe(points, with_count=True)
    np.testing.assert_array_equal(found, describe(points, with_count=True))
    assert found[-1] == 3 * MAX_LOCALISATIONS
    np.testing.assert_allclose(found[60:62], points.std(axis=0), rtol=0.01)
    everything = np.histogram(pdist(points), bins=60, range=(0, 10))[0] / (len(points) * (len(points) - 1) / 2)
    assert np.abs(found[:59] - everything[:59]).max() < 0.005


def test_the_range_is_the_largest_distance_and_ignores_a_stray_fov():
    fovs = [np.array([[0.0, 0.0], [length, 0.0]]) for length in np.linspace(1, 2, 200)]
    assert fit_max_distance(fovs[-1:]) == 2
    assert fit_max_distance([*fovs, np.array([[0.0, 0.0], [1e6, 0.0]])]) < 2.1


@pytest.mark.parametrize("fovs", [[], [np.zeros((1, 2))], [np.ones((5, 2)), np.zeros((1, 2))]])
def test_a_range_needs_two_places(fovs):
    with pytest.raises(DataError, match="different places"):
        fit_max_distance(fovs)


@pytest.mark.parametrize("points", [np.zeros((0, 2)), np.zeros(4)])
def test_positions_of_a_wrong_shape_are_refused(points):
    with pytest.raises(DataError, match=r"\(N, D\)"):
        describe(points)


def test_positions_that_are_not_finite_are_refused():
    with pytest.raises(DataError, match="NaN or infinity"):
        describe([[0, np.nan], [1, 1]])


@pytest.mark.parametrize("length", [0.0, -1.0, np.nan, np.inf])
def test_the_range_must_be_positive(length):
    with pytest.raises(ConfigError, match="max_distance_nm"):
        describe(cloud(), max_distance_nm=length)


def test_there_must_be_a_bin():
    with pytest.raises(ConfigError, match="n_bins"):
        describe(cloud(), n_bins=0)
