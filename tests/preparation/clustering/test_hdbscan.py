import numpy as np
import pytest
from sklearn import cluster
from sklearn.metrics import adjusted_rand_score

from locgraph.errors import ConfigError
from locgraph.preparation.clustering.hdbscan import HDBSCAN


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
    found = labels >= 0
    assert found.mean() > 0.9
    assert np.array_equal(labels[found], truth[found])


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


def test_fewer_points_than_min_samples_are_noise():
    points = np.random.default_rng(0).random((8, 2))
    assert HDBSCAN(min_cluster_size=3, min_samples=9)(points, seed=0).tolist() == [-1] * 8


def test_repeated_points():
    groups = np.repeat([[0.0, 0.0], [100.0, 0.0]], 30, axis=0)
    labels = HDBSCAN(min_cluster_size=5, backend="cpu")(groups, seed=0)
    assert labels.tolist() == [0] * 30 + [1] * 30
    one = HDBSCAN(min_cluster_size=5, backend="cpu")(np.ones((30, 2)), seed=0)
    assert len(set(one.tolist())) == 1


@pytest.mark.parametrize("settings", [{"min_cluster_size": 1}, {"min_samples": 0}, {"min_cluster_size": "many"}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ConfigError, match=r"clustering\." + next(iter(settings))):
        HDBSCAN(**{"min_cluster_size": 5} | settings)
