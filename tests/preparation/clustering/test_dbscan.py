import time

import numpy as np
import pytest
from sklearn import cluster
from sklearn.metrics import adjusted_rand_score

from locgraph.errors import ConfigError
from locgraph.preparation.clustering.dbscan import DBSCAN


def clusters_and_noise(seed, dimensions, extent=2000.0):
    rng = np.random.default_rng(seed)
    centres = rng.random((15, dimensions)) * extent
    dense = np.repeat(centres, 30, axis=0) + rng.normal(0, 15, (450, dimensions))
    return np.vstack([dense, rng.random((300, dimensions)) * extent])


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_core_points_and_noise_equal_scikit_learn(dimensions, seed):
    points = clusters_and_noise(seed, dimensions)
    labels = DBSCAN(eps_nm=40.0, min_samples=6, backend="cpu")(points, seed=0)
    reference = cluster.DBSCAN(eps=40.0, min_samples=6).fit(points)
    core = reference.core_sample_indices_
    assert np.array_equal(labels == -1, reference.labels_ == -1)
    assert adjusted_rand_score(labels[core], reference.labels_[core]) == 1.0
    # a border point may differ, but only between clusters within its reach
    for row in np.flatnonzero(labels >= 0):
        near = core[np.linalg.norm(points[core] - points[row], axis=1) <= 40.0]
        assert labels[row] in labels[near]


@pytest.mark.parametrize("dimensions", [2, 3])
def test_rows_in_any_order_give_the_same_clusters(dimensions):
    points = np.round(clusters_and_noise(1, dimensions), -1)  # on a grid: many ties
    clusterer = DBSCAN(eps_nm=30.0, min_samples=5, backend="cpu")
    labels = clusterer(points, seed=0)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(points))
        permuted = clusterer(points[order], seed=0)
        assert adjusted_rand_score(permuted, labels[order]) == 1.0
        assert np.array_equal(permuted == -1, labels[order] == -1)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_shift_by_one_metre_changes_nothing(dimensions):
    points = clusters_and_noise(2, dimensions)
    clusterer = DBSCAN(eps_nm=40.0, min_samples=6, backend="cpu")
    assert np.array_equal(clusterer(points + 1e9, seed=0), clusterer(points, seed=0))


def test_scale_of_points_and_radius_together_changes_nothing():
    points = clusters_and_noise(3, 2)
    labels = DBSCAN(eps_nm=40.0, min_samples=6)(points, seed=0)
    assert np.array_equal(DBSCAN(eps_nm=40.0 * 64, min_samples=6)(points * 64, seed=0), labels)


def test_hand_made():
    points = np.array([[100.0, 0], [0, 0], [1, 0], [50, 50], [2, 0], [101, 0], [100, 1]])
    assert DBSCAN(eps_nm=1.5, min_samples=3)(points, seed=0).tolist() == [0, 1, 1, -1, 1, 0, 0]


def test_all_noise_one_cluster_and_repeated_points():
    line = np.arange(10.0)[:, None] * [10.0, 0.0]
    assert DBSCAN(eps_nm=9.9, min_samples=2)(line, seed=0).tolist() == [-1] * 10
    assert DBSCAN(eps_nm=10.0, min_samples=2)(line, seed=0).tolist() == [0] * 10
    assert DBSCAN(eps_nm=10.0, min_samples=1)(line * 2, seed=0).tolist() == list(range(10))
    assert DBSCAN(eps_nm=1.0, min_samples=5)(np.ones((7, 3)), seed=0).tolist() == [0] * 7
    assert DBSCAN(eps_nm=1.0, min_samples=8)(np.ones((7, 3)), seed=0).tolist() == [-1] * 7


def test_repeated_and_many_points_are_quick():
    DBSCAN(eps_nm=40.0, min_samples=6)(np.zeros((3, 2)), seed=0)  # compiles
    repeated = np.repeat(np.random.default_rng(0).random((4, 2)) * 100, 25_000, axis=0)
    many = np.random.default_rng(0).random((100_000, 2)) * 1e4
    start = time.perf_counter()
    assert DBSCAN(eps_nm=5.0, min_samples=6)(repeated, seed=0).max() == 3
    DBSCAN(eps_nm=40.0, min_samples=6)(many, seed=0)
    assert time.perf_counter() - start < 3.0


@pytest.mark.parametrize("settings", [{"eps_nm": 0.0}, {"eps_nm": -3}, {"min_samples": 0}, {"min_samples": 2.5}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ConfigError, match=r"clustering\." + next(iter(settings))):
        DBSCAN(**{"eps_nm": 10.0, "min_samples": 3} | settings)
