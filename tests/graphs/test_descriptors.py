"""Descriptors of a whole field of view: pair distances, Ripley's L, principal deviations, and what holds for all."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.spatial.distance import pdist

from locgraph.errors import ConfigError
from locgraph.graphs.descriptors import (
    MAX_LOCALISATIONS,
    Covariance,
    PairDistances,
    Ripley,
    describe,
    draw_sample,
    extent,
    pair_histogram,
    principal_deviations,
    unit_of,
)

STANDARD = Path(__file__).parents[2] / "configs" / "graph" / "descriptors" / "standard.yaml"
LEAVES = yaml.safe_load(STANDARD.read_text(encoding="utf-8"))


every_descriptor = pytest.mark.parametrize("name", LEAVES)


def make(name):
    leaf = dict(LEAVES[name])
    module, _, of_class = leaf.pop("_target_").rpartition(".")
    return getattr(import_module(module), of_class)(**leaf)


def cloud(n=150, dimensions=2, seed=0):
    points = np.random.default_rng(seed).normal(size=(n, dimensions)) * [300.0, 100.0, 50.0][:dimensions]
    return points - points.mean(axis=0)


def rotated(points):
    matrix, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(points.shape[1],) * 2))
    return points @ matrix


@every_descriptor
@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("n", [1, 2, 150, MAX_LOCALISATIONS + 1])
def test_finite_and_as_many_as_columns(name, dimensions, n):
    result = make(name).compute(cloud(n, dimensions))

    assert result.shape == (len(make(name).columns(dimensions)),)
    assert result.dtype == np.float64
    assert np.isfinite(result).all()


@every_descriptor
def test_one_place_is_described(name):
    assert np.isfinite(make(name).compute(np.zeros((9, 2)))).all()


@every_descriptor
@pytest.mark.parametrize("dimensions", [2, 3])
def test_rotation_reflection_and_order_change_nothing(name, dimensions):
    points = cloud(dimensions=dimensions)
    moved = rotated(points)[::-1] * [-1, *([1] * (dimensions - 1))]

    np.testing.assert_allclose(make(name).compute(moved), make(name).compute(points), atol=1e-9, rtol=1e-9)


@every_descriptor
def test_scale_multiplies_by_the_power_of_length(name):
    powers = [column.length_power for column in make(name).columns(2)]

    result = make(name).compute(cloud() * 4.0)

    np.testing.assert_allclose(result, make(name).compute(cloud()) * 4.0 ** np.array(powers))


def test_in_the_order_of_their_names():
    first, second = Covariance(), PairDistances(n_bins=3)
    values, powers = describe(cloud(), {"b": first, "a": second})

    np.testing.assert_array_equal(values, [*second.compute(cloud()), *first.compute(cloud())])
    assert powers.tolist() == [0, 0, 0, 1, 1]
    assert describe(cloud(), {})[0].shape == (0,)


def test_a_sample_is_the_same_every_time():
    small, big = cloud(MAX_LOCALISATIONS), cloud(3 * MAX_LOCALISATIONS)

    assert draw_sample(small) is small
    assert draw_sample(big).shape == (MAX_LOCALISATIONS, 2)
    np.testing.assert_array_equal(draw_sample(big), draw_sample(big))
    assert len(np.unique(draw_sample(big), axis=0)) == MAX_LOCALISATIONS


def test_unit_is_the_extent_unless_it_is_given():
    square = np.array([[3.0, 4.0], [-3.0, -4.0]])
    assert extent(square) == 5.0
    assert unit_of(square, None) == 5.0
    assert unit_of(square, 7.0) == 7.0
    assert unit_of(np.zeros((3, 2)), None) == 1.0


@pytest.mark.parametrize("dimensions", [2, 3])
def test_agrees_with_numpy(dimensions):
    points = np.random.default_rng(0).normal(size=(80, dimensions)) * [3.0, 1.0, 0.5][:dimensions]

    expected = np.sqrt(np.linalg.eigvalsh(np.cov(points.T, bias=True)))[::-1]

    np.testing.assert_allclose(Covariance().compute(points), expected)
    np.testing.assert_allclose(principal_deviations(points + 1e9), expected, rtol=1e-6)


def test_a_line_has_one_length():
    np.testing.assert_allclose(principal_deviations(np.array([[3.0, 4.0], [-3.0, -4.0]])), [5.0, 0.0], atol=1e-12)
    assert [column.unit for column in Covariance().columns(3)] == ["nm"] * 3


SQUARE = np.array([[0.0, 0.0], [0.0, 2.0], [2.0, 0.0], [2.0, 2.0]]) - 1.0


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

    result = PairDistances(16, 3.0, nm_per_unit).compute(points)

    np.testing.assert_allclose(result, np.histogram(distances, bins=16, range=(0, 3))[0] / len(distances))


def test_a_sample_of_a_large_fov_is_near_the_whole():
    points = cloud(3 * MAX_LOCALISATIONS)

    result = PairDistances(32).compute(points)

    assert np.abs(result - pair_histogram(points, 32, 4.0 * extent(points))).max() < 0.005


def test_one_alone_has_no_pair_and_a_given_unit_tells_size():
    assert not PairDistances().compute(np.zeros((1, 2))).any()
    result = PairDistances(nm_per_unit=100.0)
    assert np.abs(result.compute(cloud()) - result.compute(2 * cloud())).max() > 0.01


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
    result = Ripley([1.9, 2.0, 3.0], nm_per_unit=1.0).compute(square)

    np.testing.assert_allclose(result, 2.0 * np.sqrt([0, 4 / 6, 1]))
    np.testing.assert_allclose(Ripley([1.9, 2.0, 3.0], 0.5).compute(square / 2), result)


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


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        *((lambda unit=unit: PairDistances(nm_per_unit=unit), "nm_per_unit") for unit in (0.0, -1.0, np.inf, np.nan)),
        (lambda: Ripley(nm_per_unit=0.0), "nm_per_unit"),
        (lambda: PairDistances(n_bins=0), "n_bins"),
        (lambda: PairDistances(longest=0.0), "longest"),
        (lambda: PairDistances(longest=np.inf), "longest"),
        *((lambda radii=radii: Ripley(radii), "radii") for radii in ((), (0.0, 1.0), (2.0, 1.0), (1.0, np.inf))),
    ],
)
def test_a_setting_out_of_range_is_named(make, setting):
    with pytest.raises(ConfigError) as error:
        make()
    assert error.value.setting == setting
