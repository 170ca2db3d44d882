"""What descriptors share, and what holds for every one that configs/graph/descriptors names."""

from importlib import import_module

import numpy as np
import pytest
import yaml

from locgraph.cli.app import config_dir
from locgraph.errors import ConfigError
from locgraph.graphs.descriptors import (
    MAX_LOCALISATIONS,
    Covariance,
    PairDistances,
    Ripley,
    check_unit,
    describe,
    extent,
    sampled,
    unit_of,
)

LEAVES = yaml.safe_load((config_dir() / "graph" / "descriptors" / "standard.yaml").read_text(encoding="utf-8"))

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
    found = make(name).compute(cloud(n, dimensions))

    assert found.shape == (len(make(name).columns(dimensions)),)
    assert found.dtype == np.float64
    assert np.isfinite(found).all()


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

    found = make(name).compute(cloud() * 4.0)

    np.testing.assert_allclose(found, make(name).compute(cloud()) * 4.0 ** np.array(powers))


def test_in_the_order_of_their_names():
    first, second = Covariance(), PairDistances(n_bins=3)
    values, powers = describe(cloud(), {"b": first, "a": second})

    np.testing.assert_array_equal(values, [*second.compute(cloud()), *first.compute(cloud())])
    assert powers.tolist() == [0, 0, 0, 1, 1]
    assert describe(cloud(), {})[0].shape == (0,)


def test_names_of_columns_differ():
    columns = [column.name for name in LEAVES for column in make(name).columns(3)]
    assert len(set(columns)) == len(columns)


def test_a_sample_is_the_same_every_time():
    small, big = cloud(MAX_LOCALISATIONS), cloud(3 * MAX_LOCALISATIONS)

    assert sampled(small) is small
    assert sampled(big).shape == (MAX_LOCALISATIONS, 2)
    np.testing.assert_array_equal(sampled(big), sampled(big))
    assert len(np.unique(sampled(big), axis=0)) == MAX_LOCALISATIONS


def test_unit_is_the_extent_unless_it_is_given():
    square = np.array([[3.0, 4.0], [-3.0, -4.0]])
    assert extent(square) == 5.0
    assert unit_of(square, None) == 5.0
    assert unit_of(square, 7.0) == 7.0
    assert unit_of(np.zeros((3, 2)), None) == 1.0


@pytest.mark.parametrize("unit", [0.0, -1.0, np.inf, np.nan])
@pytest.mark.parametrize("descriptor", [PairDistances, Ripley])
def test_unit_that_cannot_be(descriptor, unit):
    with pytest.raises(ConfigError, match=r"graph\.descriptors\.\w+\.nm_per_unit must be a length above 0"):
        descriptor(nm_per_unit=unit)
    check_unit("graph.descriptors.ripley", None)
