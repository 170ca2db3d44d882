"""HDBSCAN against scikit-learn, and its spanning tree against that of all pairs."""

from functools import partial

import numpy as np
import pytest
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import cdist
from sklearn import cluster
from sklearn.metrics import adjusted_rand_score

from locgraph.preparation.clustering.base import centre_points
from locgraph.preparation.clustering.hdbscan import HDBSCAN
from locgraph.preparation.clustering.hierarchy import select_clusters
from locgraph.preparation.clustering.spanning_tree import SpanningTree, span_points
from locgraph.preparation.order import order_points


def blobs(dimensions, seed=0):
    """Two tight groups, a loose one and noise, with the group of each point."""
    rng = np.random.default_rng(seed)
    centres = np.zeros((3, dimensions))
    centres[1, 0], centres[2, 1] = 500, 800
    points = np.repeat(centres, 60, axis=0) + rng.normal(size=(180, dimensions)) * np.repeat([5, 10, 40], 60)[:, None]
    return points, np.repeat([0, 1, 2], 60)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_finds_groups_of_differing_density(dimensions):
    points, truth = blobs(dimensions)
    labels = HDBSCAN(min_cluster_size=20, min_samples=5, backend="cpu")(points, seed=0)
    result = labels >= 0
    assert result.mean() > 0.9
    assert np.array_equal(labels[result], truth[result])


@pytest.mark.parametrize("min_samples", [None, 1, 4])
def test_equals_scikit_learn(min_samples):
    points, _ = blobs(2)
    labels = HDBSCAN(min_cluster_size=10, min_samples=min_samples, backend="cpu")(points, seed=0)
    reference = cluster.HDBSCAN(min_cluster_size=10, min_samples=min_samples, copy=True).fit_predict(points)
    assert adjusted_rand_score(labels, reference) == 1.0
    assert np.array_equal(labels == -1, reference < 0)


def test_rows_in_any_order_and_a_shift_by_one_metre_give_the_same_clusters():
    points, _ = blobs(2)
    clusterer = HDBSCAN(min_cluster_size=20, min_samples=5, backend="cpu")
    labels = clusterer(points, seed=0)
    order = np.random.default_rng(1).permutation(len(points))
    assert adjusted_rand_score(clusterer(points[order], seed=0), labels[order]) == 1.0
    assert adjusted_rand_score(clusterer(points + 1e9, seed=0), labels) == 1.0


@pytest.mark.parametrize("n", [1, 2, 9])
def test_too_few_points_are_noise(n):
    assert HDBSCAN(min_cluster_size=10)(np.random.default_rng(0).random((n, 2)), seed=0).tolist() == [-1] * n


def test_repeated_points():
    groups = np.repeat([[0.0, 0.0], [100.0, 0.0]], 30, axis=0)
    labels = HDBSCAN(min_cluster_size=5, backend="cpu")(groups, seed=0)
    assert labels.tolist() == [0] * 30 + [1] * 30
    one = HDBSCAN(min_cluster_size=5, backend="cpu")(np.ones((30, 2)), seed=0)
    assert len(set(one.tolist())) == 1
    half = np.vstack([np.zeros((400, 2)), np.random.default_rng(0).random((400, 2)) * 1000])
    assert len(set(HDBSCAN(min_cluster_size=10, backend="cpu")(half, seed=0)[:400].tolist())) == 1


def uneven(seed, n, dimensions):
    """Groups of all densities in noise, from the middle outwards, as the clusterer hands them to its parts."""
    rng = np.random.default_rng(seed)
    centres = rng.random((max(n // 60, 2), dimensions)) * 2000
    m = n * 6 // 10
    widths = rng.uniform(3, 25, (m, 1))
    dense = centres[rng.integers(0, len(centres), m)] + rng.normal(size=(m, dimensions)) * widths
    points = centre_points(np.vstack([dense, rng.random((n - m, dimensions)) * 2000]))
    return points[order_points(points)]


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("min_samples", [1, 2])
@pytest.mark.parametrize(("n", "min_cluster_size"), [(200, 5), (400, 2), (1500, 15)])
def test_equals_scikit_learn_where_no_two_edges_are_equally_long(n, min_cluster_size, min_samples, dimensions):
    points = uneven(n + min_samples, n, dimensions)
    reference = cluster.HDBSCAN(min_cluster_size, min_samples=min_samples, copy=True).fit_predict(points)
    labels = HDBSCAN(min_cluster_size, min_samples, backend="cpu")(points, seed=0)
    assert reference.max() > 0
    assert adjusted_rand_score(labels, reference) == 1.0
    assert np.array_equal(labels < 0, reference < 0)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("min_samples", [3, 5, 12])
@pytest.mark.parametrize(("n", "min_cluster_size"), [(200, 5), (400, 2), (1500, 15)])
def test_equals_scikit_learn_that_sorts_equal_edges_by_their_order(
    n, min_cluster_size, min_samples, dimensions, monkeypatch
):
    """From 3 samples on a point may be joined to several at its core distance, which numpy sorts in any order."""
    points = uneven(n + min_samples, n, dimensions)
    monkeypatch.setattr(np, "argsort", partial(np.argsort, kind="stable"))
    reference = cluster.HDBSCAN(min_cluster_size, min_samples=min_samples, copy=True).fit_predict(points)
    monkeypatch.undo()
    labels = HDBSCAN(min_cluster_size, min_samples, backend="cpu")(points, seed=0)
    assert reference.max() > 0
    assert adjusted_rand_score(labels, reference) == 1.0
    assert np.array_equal(labels < 0, reference < 0)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("kind", ["any", "whole", "repeated", "line", "far"])
@pytest.mark.parametrize("k", [1, 2, 7, 40])
def test_the_tree_is_as_short_as_that_of_all_pairs(kind, k, dimensions):
    points = uneven(k, 300, dimensions)
    if kind == "whole":  # many equal distances
        points = np.round(points / 100)
    elif kind == "repeated":
        points[:150] = points[np.random.default_rng(0).integers(0, 12, 150)]
    elif kind == "line":
        points[:, 1:] = 0
    elif kind == "far":
        points[0] = 1e12
    distances = cdist(points, points)
    core = np.sort(distances, axis=1)[:, k - 1]
    reach = np.maximum(distances, np.maximum(core[:, None], core))

    tree = span_points(points, k)

    # scipy takes 0 for no edge, so all are longer there
    shortest = np.sort(minimum_spanning_tree(reach + 1.0).data) - 1.0
    np.testing.assert_allclose(np.sort(tree.lengths), shortest, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(tree.lengths, reach[tree.sources, tree.targets])
    assert sorted(tree.targets) == list(range(1, 300))  # each edge adds a row to those from row 0 on
    reached = {0}
    for source, target in zip(tree.sources.tolist(), tree.targets.tolist(), strict=True):
        assert source in reached
        reached.add(target)


def test_clusters_of_a_tree_by_hand():
    """Two groups of three, 10 apart, and a single point; the first group falls apart later, so all have the mass."""
    tree = SpanningTree(np.array([0, 1, 2, 3, 4, 5]), np.arange(1, 7), np.array([1.0, 1.0, 10.0, 2.0, 2.0, 20.0]))
    labels = select_clusters(tree, min_cluster_size=3)
    assert len(set(labels[:3].tolist())) == len(set(labels[3:6].tolist())) == 1
    assert labels[0] != labels[3]
    assert labels[6] == -1
    assert select_clusters(tree, min_cluster_size=4).tolist() == [-1] * 7


def test_points_on_a_grid_give_the_same_clusters_in_any_order_of_rows():
    rng = np.random.default_rng(0)
    points = np.round(np.vstack([rng.normal(0, 6, (400, 2)), rng.normal(60, 9, (400, 2)), rng.random((200, 2)) * 99]))
    clusterer = HDBSCAN(15, 8, backend="cpu")
    labels = clusterer(points, seed=0)
    assert labels.max() >= 1
    for seed in range(4):
        order = np.random.default_rng(seed).permutation(len(points))
        permuted = clusterer(points[order], seed=0)
        assert adjusted_rand_score(permuted, labels[order]) == 1.0
        assert np.array_equal(permuted < 0, labels[order] < 0)
