import time

import numpy as np
import pytest
from sklearn import cluster
from sklearn.metrics import adjusted_rand_score

from locgraph.errors import ConfigError
from locgraph.preparation.clustering.kmeans import KMeans


def inertia(points, labels):
    return sum(((points[labels == k] - points[labels == k].mean(axis=0)) ** 2).sum() for k in np.unique(labels))


def data(kind, dimensions):
    rng = np.random.default_rng(0)
    if kind == "even":
        return rng.random((300, dimensions)) * 100
    return np.repeat(rng.random((25, dimensions)) * 1000, 12, axis=0) + rng.normal(0, 25, (300, dimensions))


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("kind", ["even", "groups"])
def test_inertia_is_like_that_of_scikit_learn(kind, dimensions):
    points = data(kind, dimensions)
    ours = [inertia(points, KMeans(20, backend="cpu")(points, seed)) for seed in range(40)]
    theirs = [cluster.KMeans(20, n_init=1, random_state=seed).fit(points).inertia_ for seed in range(40)]
    assert np.median(ours) <= 1.02 * np.median(theirs)


def test_separate_groups_are_found():
    rng = np.random.default_rng(1)
    truth = np.repeat(np.arange(9), 30)
    points = np.stack([truth % 3, truth // 3], axis=1) * 100.0 + rng.normal(0, 4, (270, 2))
    for seed in range(10):
        assert np.array_equal(KMeans(9, n_init=5)(points, seed), truth)


def test_equal_seeds_give_equal_labels_and_others_do_not():
    points = data("even", 2)
    clusterer = KMeans(20, backend="cpu")
    assert np.array_equal(clusterer(points, 3), KMeans(20, backend="cpu")(points, 3))
    assert adjusted_rand_score(clusterer(points, 3), clusterer(points, 4)) < 1.0


def test_rows_in_any_order_give_the_same_clusters():
    points = data("groups", 2)
    order = np.random.default_rng(2).permutation(len(points))
    labels = KMeans(12, backend="cpu")(points, 5)
    assert adjusted_rand_score(KMeans(12, backend="cpu")(points[order], 5), labels[order]) == 1.0


def test_shift_by_one_metre_changes_nothing():
    points = np.round(data("groups", 3))
    clusterer = KMeans(12, backend="cpu")
    assert np.array_equal(clusterer(points + 1e9, 5), clusterer(points, 5))


def test_no_more_clusters_than_distinct_points():
    points = np.repeat([[0.0, 0], [5, 0], [0, 7]], 4, axis=0)
    for seed in range(10):
        assert KMeans(20)(points, seed).tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert KMeans(20)(np.ones((6, 2)), 0).tolist() == [0] * 6
    assert KMeans(3)(np.array([[2.0, 1.0]]), 0).tolist() == [0]


@pytest.mark.parametrize("n_clusters", [1, 2, 30, 299, 300])
def test_exactly_the_number_of_clusters_asked_for(n_clusters):
    labels = KMeans(n_clusters, max_iter=2)(data("groups", 2), 0)
    assert labels.max() + 1 == n_clusters


def test_more_runs_are_not_worse():
    points = data("groups", 2)
    one = np.mean([inertia(points, KMeans(20)(points, seed)) for seed in range(20)])
    ten = np.mean([inertia(points, KMeans(20, n_init=10)(points, seed)) for seed in range(20)])
    assert ten < one


def test_thousands_of_calls_are_quick():
    points, clusterer = data("even", 2), KMeans(20, backend="cpu")
    clusterer(points, 0)  # compiles
    spent = []
    for seed in range(100):
        start = time.perf_counter()
        clusterer(points, seed)
        spent.append(time.perf_counter() - start)
    assert np.median(spent) < 2e-3  # 0.2 ms on a free core


@pytest.mark.parametrize("settings", [{"n_clusters": 0}, {"n_init": 0}, {"max_iter": 0}, {"n_clusters": 2.5}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ConfigError, match=r"clustering\." + next(iter(settings))):
        KMeans(**{"n_clusters": 5} | settings)
