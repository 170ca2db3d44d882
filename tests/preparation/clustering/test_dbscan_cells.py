import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from locgraph.errors import DataError
from locgraph.preparation.clustering.dbscan import cluster_cells, sort_into_cells


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
    with pytest.raises(DataError, match=r"extent of 1e\+14 nm with clustering\.eps_nm = 0\.001"):
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
