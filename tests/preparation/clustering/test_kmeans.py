"""k-means against plain implementations and scikit-learn."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn import cluster
from sklearn.metrics import adjusted_rand_score

from locgraph.preparation.clustering.kmeans import KMeans, best_of_runs, lloyd, seed_rows


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


def sorted_points(seed, n, extent=100.0):
    points = np.random.default_rng(seed).random((n, 3)) * extent
    return points[np.lexsort(points.T[::-1])]


def plain_lloyd(points, centres, max_iter):
    labels = np.full(len(points), -1)
    for _ in range(max_iter):
        new = cdist(points, centres, "sqeuclidean").argmin(axis=1)
        if np.array_equal(new, labels):
            break
        labels = new
        centres = np.array([points[labels == k].mean(axis=0) for k in range(len(centres))])
    return labels


@pytest.mark.parametrize("n_clusters", [1, 2, 7, 40])
@pytest.mark.parametrize("max_iter", [1, 3, 100])
def test_lloyd_equals_the_plain_algorithm(n_clusters, max_iter):
    points = sorted_points(n_clusters, 400)
    centres = points[np.random.default_rng(1).choice(400, n_clusters, replace=False)]
    labels, inertia = lloyd(points, np.arange(400), centres, max_iter)
    assert np.array_equal(labels, plain_lloyd(points, centres, max_iter))
    expected = sum(((points[labels == k] - points[labels == k].mean(axis=0)) ** 2).sum() for k in range(n_clusters))
    assert inertia == pytest.approx(expected, rel=1e-12)


def test_an_empty_cluster_starts_again_at_the_farthest_point():
    points = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [50, 0, 0]])
    labels, inertia = lloyd(points, np.arange(4), np.array([[1.0, 0, 0], [-1e6, 0, 0]]), 100)
    assert labels.tolist() == [0, 0, 0, 1]
    assert inertia == 2.0


def test_several_empty_clusters_are_all_filled():
    points = sorted_points(0, 30)
    centres = np.vstack([points[:1], np.full((9, 3), 1e6) + np.arange(9)[:, None]])
    labels, _ = lloyd(points, np.arange(30), centres, 1)
    assert set(labels.tolist()) == set(range(10))


def test_seeds_follow_their_definition():
    """Greedy k-means++ with full distance matrices and the same draws, which count points in another order."""
    points = sorted_points(3, 200)
    places = np.random.default_rng(5).permutation(200)
    draws = np.random.default_rng(4).random((12, 3))
    squared = cdist(points, points, "sqeuclidean")
    rows = [places[int(draws[0, 0] * 200)]]
    for k in range(1, 12):
        nearest = squared[rows].min(axis=0)
        trials = places[np.searchsorted(np.cumsum(nearest[places]), draws[k] * nearest.sum(), side="right")]
        left = [np.minimum(nearest, squared[row]).sum() for row in trials]
        rows.append(int(trials[np.argmin(left)]))
    assert seed_rows(points, places, draws).tolist() == rows


def test_best_of_runs_keeps_the_smallest_inertia():
    points = sorted_points(6, 150)
    draws = np.random.default_rng(7).random((6, 9, 4))

    def inertia(labels):
        return sum(((points[labels == k] - points[labels == k].mean(axis=0)) ** 2).sum() for k in range(9))

    single = [inertia(best_of_runs(points, np.arange(150), draws[i : i + 1], 100)) for i in range(6)]
    assert inertia(best_of_runs(points, np.arange(150), draws, 100)) == pytest.approx(min(single), rel=1e-12)


def test_an_empty_cluster_takes_the_first_in_order_of_two_that_are_equally_far():
    points = np.array([[0.0, 0, 0], [4.0 + 1e-12, 0, 0]])
    for places in ([0, 1], [1, 0]):
        labels, _ = lloyd(points, np.array(places), np.array([[2.0, 1, 0], [1e6, 0, 0]]), 1)
        assert labels[places[0]] == 1


@pytest.mark.parametrize("n", [40, 140, 500])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_turned_shifted_and_mirrored_points_fall_into_the_same_clusters(n, dimensions, turn):
    """Small clusters are the hard part: of two points that are far from all others either is as good a seed."""
    for seed in range(20):
        points = np.random.default_rng(seed).normal(size=(n, dimensions)) * 40
        moved = turn(points, 37.0) @ np.diag([-1.0, *[1.0] * (dimensions - 1)]) + 1234.5
        clusterer = KMeans(20, n_init=2, backend="cpu")
        assert np.array_equal(clusterer(points, seed), clusterer(moved, seed))
