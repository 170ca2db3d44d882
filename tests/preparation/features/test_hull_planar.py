import numpy as np
import pytest
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from locgraph.preparation.features.hull import diameter, monotone_chain, planar_hulls


def in_order(points):
    return np.ascontiguousarray(points[np.lexsort(points.T[::-1])])


@pytest.mark.parametrize("seed", range(20))
def test_monotone_chain_finds_the_vertices_of_scipy(seed):
    points = np.random.default_rng(seed).normal(size=(5 + 30 * seed, 2))
    hull = ConvexHull(points)
    found = monotone_chain(in_order(points))
    assert sorted(map(tuple, found)) == sorted(map(tuple, points[hull.vertices]))
    x, y = found.T
    assert (x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2 == pytest.approx(hull.volume, rel=1e-12)  # anticlockwise


def test_points_on_edges_are_no_vertices():
    grid = np.stack(np.meshgrid(np.arange(5.0), np.arange(4.0)), axis=-1).reshape(-1, 2)
    assert monotone_chain(in_order(np.vstack([grid, grid]))).tolist() == [[0, 0], [4, 0], [4, 3], [0, 3]]


def test_monotone_chain_of_few_points():
    assert monotone_chain(np.array([[1.0, 2.0]])).tolist() == [[1, 2]]
    assert monotone_chain(np.array([[1.0, 2.0], [3.0, 4.0]])).tolist() == [[1, 2], [3, 4]]
    assert monotone_chain(np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])).tolist() == [[0, 0], [2, 2]]


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("seed", range(20))
def test_diameter_equals_all_pairs(dimensions, seed):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(2 + 10 * seed, dimensions)) * rng.uniform(0.01, 10, dimensions) + rng.normal(0, seed)
    assert diameter(points) == pytest.approx(pdist(points).max(), rel=1e-14)


def test_diameter_of_regular_polygons():
    for n in range(3, 30):
        angles = 2 * np.pi * np.arange(n) / n
        polygon = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        assert diameter(polygon) == pytest.approx(pdist(polygon).max(), rel=1e-14)
    assert diameter(np.zeros((1, 2))) == 0.0


def test_no_cluster():
    for values in planar_hulls(np.zeros((0, 2)), np.array([0]), np.zeros(0)):
        assert values.shape == (0,)
