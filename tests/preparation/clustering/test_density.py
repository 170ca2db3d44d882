"""DBSCAN against scikit-learn and against its definition."""

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist
from sklearn import cluster
from sklearn.metrics import adjusted_rand_score

from locgraph.errors import DataError
from locgraph.preparation.clustering.dbscan import DBSCAN, cluster_cells, sort_into_cells


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


def by_definition(points, eps, min_samples):
    """DBSCAN from the full distance matrix, ties by the nearest core point; labels are component numbers."""
    distances = cdist(points, points)
    near = distances <= eps
    core = near.sum(axis=1) >= min_samples
    labels = np.full(len(points), -1)
    if core.any():
        labels[core] = connected_components(coo_array(near[core][:, core]))[1]
        nearest = np.where(core, distances, np.inf).argmin(axis=1)
        border = ~core & (distances[np.arange(len(points)), nearest] <= eps)
        labels[border] = labels[nearest[border]]
    return labels, core


def same_partition(a, b):
    pairs = {(x, y) for x, y in zip(a.tolist(), b.tolist(), strict=True)}
    return len(pairs) == len({x for x, _ in pairs}) == len({y for _, y in pairs})


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("seed", range(60))
def test_equals_the_definition(dimensions, seed):
    rng = np.random.default_rng(seed)
    points = rng.random((int(rng.integers(1, 300)), dimensions)) * 100
    if seed % 3 == 0:
        points[: len(points) // 2] = points[0] + rng.normal(0, 3, (len(points) // 2, dimensions))
    if seed % 4 == 0:
        points[: len(points) // 3] = points[0]
    eps, min_samples = float(rng.uniform(1, 30)), int(rng.integers(1, 12))
    labels, core = cluster_cells(sort_into_cells(points, eps), eps, min_samples)
    expected, expected_core = by_definition(points, eps, min_samples)
    assert np.array_equal(core, expected_core)
    assert np.array_equal(labels < 0, expected < 0)
    assert same_partition(labels, expected)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("eps", [1.0, np.sqrt(2), 2.0, 3.0])
def test_points_at_exactly_eps_are_neighbours(dimensions, eps):
    points = np.unique(np.random.default_rng(0).integers(0, 12, (200, dimensions)), axis=0).astype(float)
    _, core = cluster_cells(sort_into_cells(points, eps), eps, 5)
    assert np.array_equal(core, by_definition(points, eps, 5)[1])


def test_cells_hold_every_point_once_and_only_neighbours():
    points = np.random.default_rng(1).random((500, 3)) * 50
    cells = sort_into_cells(points, eps=7.0)
    assert np.array_equal(np.sort(cells.order), np.arange(500))
    assert np.array_equal(cells.points, points[cells.order])
    assert cells.starts[0] == 0
    assert cells.starts[-1] == 500
    for begin, end in zip(cells.starts[:-1], cells.starts[1:], strict=True):
        assert end > begin
        assert cdist(cells.points[begin:end], cells.points[begin:end]).max() <= 7.0


def test_far_islands_need_no_memory_for_the_sea_between():
    points = np.array([[0.0, 0.0], [1.0, 0.0], [1e12, 1e12], [1e12, 1e12 + 1]])
    labels, _ = cluster_cells(sort_into_cells(points, 2.0), 2.0, 2)
    assert labels[0] == labels[1]
    assert labels[2] == labels[3]
    assert labels[0] != labels[2]


def test_too_many_cells_names_the_setting():
    with pytest.raises(DataError, match=r"extent of 1e\+14 nm with eps_nm = 0\.001"):
        sort_into_cells(np.array([[0.0, 0.0], [1e14, 0.0]]), eps=1e-3)


def test_border_between_equally_near_clusters_goes_to_the_first_coordinates():
    right = np.array([[2.0, 0.0], [3.0, 1.0], [3.0, 0.0], [2.0, 1.0]])
    points = np.vstack([right, [[0.0, 0.0]], right * [-1, 1]])
    labels, core = cluster_cells(sort_into_cells(points, 2.0), 2.0, 4)
    assert core.tolist() == [True] * 4 + [False] + [True] * 4
    assert labels[4] == labels[5] != labels[0]


def test_border_goes_to_the_nearest_cluster():
    right = np.array([[2.0, 0.0], [3.0, 1.0], [3.0, 0.0], [2.0, 1.0]])
    points = np.vstack([right, [[0.01, 0.0]], right * [-1, 1]])
    labels, core = cluster_cells(sort_into_cells(points, 2.02), 2.02, 4)
    assert not core[4]
    assert labels[4] == labels[0] != labels[5]
