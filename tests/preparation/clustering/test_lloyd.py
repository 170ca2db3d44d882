import numpy as np
import pytest
from scipy.spatial.distance import cdist

from locgraph.preparation.clustering.kmeans import best_of_runs, lloyd, seed_rows


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
    labels, inertia = lloyd(points, centres, max_iter)
    assert np.array_equal(labels, plain_lloyd(points, centres, max_iter))
    expected = sum(((points[labels == k] - points[labels == k].mean(axis=0)) ** 2).sum() for k in range(n_clusters))
    assert inertia == pytest.approx(expected, rel=1e-12)


def test_an_empty_cluster_starts_again_at_the_farthest_point():
    points = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [50, 0, 0]])
    labels, inertia = lloyd(points, np.array([[1.0, 0, 0], [-1e6, 0, 0]]), 100)
    assert labels.tolist() == [0, 0, 0, 1]
    assert inertia == 2.0


def test_several_empty_clusters_are_all_filled():
    points = sorted_points(0, 30)
    centres = np.vstack([points[:1], np.full((9, 3), 1e6) + np.arange(9)[:, None]])
    labels, _ = lloyd(points, centres, 1)
    assert set(labels.tolist()) == set(range(10))


def test_seeds_follow_their_definition():
    """Greedy k-means++ with full distance matrices and the same draws."""
    points = sorted_points(3, 200)
    draws = np.random.default_rng(4).random((12, 3))
    squared = cdist(points, points, "sqeuclidean")
    rows = [int(draws[0, 0] * 200)]
    for k in range(1, 12):
        nearest = squared[rows].min(axis=0)
        trials = np.searchsorted(np.cumsum(nearest), draws[k] * nearest.sum(), side="right")
        left = [np.minimum(nearest, squared[row]).sum() for row in trials]
        rows.append(int(trials[np.argmin(left)]))
    assert seed_rows(points, draws).tolist() == rows


def test_seeds_are_distinct_as_long_as_points_are():
    points = np.repeat(sorted_points(5, 8), 5, axis=0)
    for seed in range(20):
        rows = seed_rows(points, np.random.default_rng(seed).random((8, 4)))
        assert len(np.unique(points[rows], axis=0)) == 8


def test_best_of_runs_keeps_the_smallest_inertia():
    points = sorted_points(6, 150)
    draws = np.random.default_rng(7).random((6, 9, 4))

    def inertia(labels):
        return sum(((points[labels == k] - points[labels == k].mean(axis=0)) ** 2).sum() for k in range(9))

    single = [inertia(best_of_runs(points, draws[i : i + 1], 100)) for i in range(6)]
    assert inertia(best_of_runs(points, draws, 100)) == pytest.approx(min(single), rel=1e-12)
