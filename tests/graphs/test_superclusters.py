"""Clusters of clusters against connected components, by hand, and moved about."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from locgraph.errors import ConfigError, DataError
from locgraph.graphs.edges import nearest_edges, sort_edges
from locgraph.graphs.superclusters import SUPERCLUSTER_FEATURES, Linked, measure

CHAIN = np.array([[0.0, 0.0], [100.0, 0.0], [3.0, 0.0], [104.0, 3.0], [6.0, 0.0], [9.1, 0.0]])


def components(points, scale):
    """Chains of steps at most ``scale`` long, named by first appearance."""
    names = connected_components(coo_array(cdist(points, points) <= scale))[1]
    result = list(dict.fromkeys(names.tolist()))
    return [result.index(name) for name in names.tolist()]


def test_chains_by_hand():
    owners = Linked([2.9, 3.0, 5.0, 90.9])(CHAIN)
    assert [owner.tolist() for owner in owners] == [
        [0, 1, 2, 3, 4, 5],
        [0, 1, 0, 2, 0, 3],
        [0, 1, 0, 1, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ]
    assert owners[0].dtype == np.int64


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_is_connected_components(dimensions, seed, offset):
    points = np.round(np.random.default_rng(seed).random((150, dimensions)) * 100 * 2**16) / 2**16
    scales = [2.0, 6.0, 13.0, 25.0]
    owners = Linked(scales)(points + offset)
    assert [owner.tolist() for owner in owners] == [components(points, scale) for scale in scales]
    assert len(set(owners[0])) > len(set(owners[1])) > 1


@pytest.mark.parametrize("dimensions", [2, 3])
def test_each_scale_lies_within_the_next(dimensions):
    points = np.round(np.random.default_rng(1).random((300, dimensions)) * 40)  # many steps of exactly one scale
    owners = Linked(np.sqrt([1.0, 2.0, 3.0, 5.0]).tolist())(points)
    for below, above in pairwise(owners):
        assert len(set(zip(below, above, strict=True))) == len(set(below))


def test_rotation_shift_and_scale_change_nothing():
    rng = np.random.default_rng(2)
    points = rng.random((200, 3)) * 100
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    owners = Linked([8.0, 15.0])(points)
    moved = Linked([80.0, 150.0])(10.0 * (points @ turn) + [1e5, -1e6, 3.0])
    assert np.array_equal(owners, moved)


def test_measured_by_hand():
    counts = np.array([3.0, 1.0, 1.0, 1.0, 2.0, 5.0])
    first, second = measure(CHAIN, counts, Linked([5.0, 90.9], k=3))

    assert [column.name for column in SUPERCLUSTER_FEATURES] == ["n_clusters", "n_localisations", "radius_of_gyration"]
    # x of the clusters of one: 0, 3, 6, 9.1 with 3, 1, 2, 5 localisations; of the other: (100, 0), (104, 3) with 1, 1
    x = np.repeat([0.0, 3.0, 6.0, 9.1], [3, 1, 2, 5])
    np.testing.assert_allclose(first.positions, [[x.mean(), 0.0], [102.0, 1.5]], rtol=1e-12)
    np.testing.assert_allclose(first.features, [[4, 11, x.std()], [2, 2, 2.5]], rtol=1e-12)
    assert first.counts.tolist() == [11.0, 2.0]
    assert first.inside.tolist() == [[0, 2, 4, 5, 1, 3], [0, 0, 0, 0, 1, 1]]
    assert first.near.tolist() == [[1, 0], [0, 1]]

    assert second.inside.tolist() == [[0, 1], [0, 0]]
    assert second.near.shape == (2, 0)
    everything = np.repeat(CHAIN, counts.astype(int), axis=0)
    np.testing.assert_allclose(second.positions, [everything.mean(axis=0)], rtol=1e-12)
    gyration = np.sqrt(((everything - everything.mean(axis=0)) ** 2).sum(axis=1).mean())
    np.testing.assert_allclose(second.features, [[6, 13, gyration]], rtol=1e-12)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_measured_as_of_repeated_centres(dimensions):
    rng = np.random.default_rng(4)
    centres, counts = rng.random((80, dimensions)) * 100, rng.integers(1, 9, 80).astype(float)
    scales = measure(centres, counts, Linked([8.0, 20.0], k=2))
    owners = Linked([8.0, 20.0])(centres)
    below = np.arange(80)
    for scale, owner in zip(scales, owners, strict=True):
        for index in range(owner.max() + 1):
            own = owner == index
            part = np.repeat(centres[own], counts[own].astype(int), axis=0)
            np.testing.assert_allclose(scale.positions[index], part.mean(axis=0), rtol=1e-12)
            gyration = np.sqrt(((part - part.mean(axis=0)) ** 2).sum(axis=1).mean())
            np.testing.assert_allclose(scale.features[index], [own.sum(), len(part), gyration], rtol=1e-10, atol=1e-12)
            assert scale.counts[index] == len(part)
        expected = sorted(set(zip(below.tolist(), owner.tolist(), strict=True)))
        assert np.array_equal(scale.inside, sort_edges(np.array(expected).T))
        assert np.array_equal(scale.near, nearest_edges(scale.positions, 2))
        assert scale.features.shape[1] == len(SUPERCLUSTER_FEATURES)
        below = owner


def test_one_cluster_and_coincident_ones():
    (scale,) = measure(np.zeros((1, 2)), np.array([7.0]), Linked([1.0]))
    assert scale.positions.tolist() == [[0.0, 0.0]]
    assert scale.features.tolist() == [[1.0, 7.0, 0.0]]
    assert scale.inside.tolist() == [[0], [0]]
    assert scale.near.shape == (2, 0)
    (scale,) = measure(np.ones((5, 3)), np.ones(5), Linked([1e-3]))
    assert scale.features.tolist() == [[5.0, 5.0, 0.0]]


@pytest.mark.parametrize("scales", [[], [0.0], [-1.0, 2.0], [5.0, 5.0], [5.0, 3.0], [1.0, np.inf], [np.nan]])
def test_scales_that_cannot_work(scales):
    with pytest.raises(ConfigError, match=r"scales_nm: expected .*ascend from above 0, found"):
        Linked(scales)


def test_no_neighbours_cannot_work():
    with pytest.raises(ConfigError, match=r"k: .* at least 1, found 0"):
        Linked([5.0], k=0)


def test_a_scale_too_small_for_the_field_names_the_setting():
    with pytest.raises(DataError, match="with scales_nm = 1e-06; raise"):
        Linked([1e-6])(np.array([[0.0, 0.0], [1e9, 0.0]]))
