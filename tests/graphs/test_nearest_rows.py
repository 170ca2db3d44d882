"""Nearest neighbours within groups: small groups, large ones, and groups whose points coincide, against brute force."""

from itertools import pairwise

import numpy as np
import pytest

from locgraph.graphs import nearest_rows as module
from locgraph.graphs.nearest_rows import nearest_rows


def layout(sizes):
    return np.concatenate([[0], np.cumsum(sizes)])


def distances_of(points, rows):
    """Distance to each neighbour (N, k), infinite where there is none."""
    apart = np.sqrt(((points[rows] - points[:, None]) ** 2).sum(axis=2))
    return np.where(rows >= 0, apart, np.inf)


def brute_distances(points, k, offsets):
    """Distances to the k nearest others of the same group (N, k), infinite where there are fewer."""
    expected = np.full((len(points), k), np.inf)
    for start, stop in pairwise(offsets):
        part = points[start:stop]
        between = np.sqrt(((part[:, None] - part[None]) ** 2).sum(axis=2))
        np.fill_diagonal(between, np.inf)
        expected[start:stop, : min(k, stop - start)] = np.sort(between, axis=1)[:, :k]
    return expected


def check(points, k, sizes):
    """Neighbours are as near as they can be, of the same group, each once, and never the point itself."""
    offsets = layout(sizes)
    rows = nearest_rows(points, k, offsets)
    assert rows.dtype == np.int32
    assert rows.shape == (len(points), k)
    np.testing.assert_allclose(distances_of(points, rows), brute_distances(points, k, offsets), rtol=1e-12)
    group = np.repeat(np.arange(len(sizes)), sizes)
    for row, result in enumerate(rows.tolist()):
        result = [other for other in result if other >= 0]
        assert row not in result
        assert len(set(result)) == len(result) == min(k, sizes[group[row]] - 1)
        assert (group[result] == group[row]).all()


def test_by_hand():
    points = np.array([[0.0, 0.0], [3.0, 0.0], [1.0, 0.0], [7.0, 7.0], [5.0, 5.0], [5.0, 6.0]])
    rows = nearest_rows(points, 2, np.array([0, 3, 3, 6]))
    assert rows.tolist() == [[2, 1], [2, 0], [0, 1], [5, 4], [5, 3], [4, 3]]


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("k", [1, 5, 50])
@pytest.mark.parametrize("swept", [0, 30, 10**6], ids=["tree", "both", "sweep"])
def test_is_brute_force(dimensions, k, swept, monkeypatch):
    monkeypatch.setattr(module, "_SWEPT", swept)
    monkeypatch.setattr(module, "_CHUNK", 7)
    sizes = [1, 40, 2, 0, 25, 90, 31, 30]
    points = np.random.default_rng(0).normal(size=(sum(sizes), dimensions)) * [1, 30, 5][:dimensions]
    check(points, k, sizes)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("k", [1, 4, 12])
@pytest.mark.parametrize("swept", [0, 10**6], ids=["tree", "sweep"])
@pytest.mark.parametrize("values", [1, 2, 4])
def test_coincident_points(dimensions, k, swept, values, monkeypatch):
    monkeypatch.setattr(module, "_SWEPT", swept)
    points = np.random.default_rng(1).integers(0, values, (90, dimensions)).astype(float)
    check(points, k, [50, 40])


def test_groups_around_the_size_from_which_trees_are_asked():
    sizes = [module._SWEPT - 1, module._SWEPT, module._SWEPT + 1]
    check(np.random.default_rng(2).normal(size=(sum(sizes), 2)), 5, sizes)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_points_on_a_line(axis):
    points = np.zeros((100, 3))
    points[:, axis] = np.random.default_rng(3).permutation(100) ** 1.5
    check(points, 6, [60, 40])


@pytest.mark.parametrize("swept", [0, 10**6], ids=["tree", "sweep"])
@pytest.mark.parametrize("far", [1e-9, 1e9])
def test_a_point_far_from_all_others(swept, far, monkeypatch):
    monkeypatch.setattr(module, "_SWEPT", swept)
    points = np.random.default_rng(4).normal(size=(40, 2))
    points[17] = far
    check(points, 5, [40])


def test_none_at_all():
    assert nearest_rows(np.empty((0, 2)), 3, np.array([0])).shape == (0, 3)
    assert nearest_rows(np.zeros((1, 3)), 2, np.array([0, 1])).tolist() == [[-1, -1]]


@pytest.mark.parametrize("swept", [0, 10**6], ids=["tree", "sweep"])
def test_coincident_points_are_not_all_neighbours_of_the_same_few(swept, monkeypatch):
    monkeypatch.setattr(module, "_SWEPT", swept)
    rows = nearest_rows(np.zeros((100, 2)), 5, np.array([0, 100]))
    assert np.bincount(rows.ravel()).max() <= 10
