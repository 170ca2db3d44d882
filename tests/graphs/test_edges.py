"""Edges between clusters and between localisations, against brute force."""

import numpy as np
import pytest

from locgraph.errors import ConfigError, DataError
from locgraph.graphs.edges import (
    AllPairs,
    Nearest,
    WithinRadius,
    all_edges,
    edges_to_chosen,
    edges_to_each,
    edges_within,
    nearest_edges,
    sort_edges,
)
from locgraph.graphs.nearest_rows import nearest_rows


def distances(points):
    """All pairwise distances (N, N), plainly."""
    return np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=2))


def brute_nearest(points, k, groups):
    """One list of (source, target) by sorting every distance."""
    between = distances(points)
    edges = []
    for target in range(len(points)):
        others = [row for row in range(len(points)) if groups[row] == groups[target] and row != target]
        chosen = sorted(others, key=lambda row: between[row, target])[:k]
        edges += [(source, target) for source in sorted(chosen)]
    return np.array(edges, dtype=np.int64).reshape(-1, 2).T


def brute_between(points, chosen, k, groups):
    between = distances(points)
    edges = []
    for position, row in enumerate(chosen):
        same = [other for other in range(len(points)) if groups[other] == groups[row]]
        edges += [(source, position) for source in sorted(sorted(same, key=lambda other: between[other, row])[:k])]
    return np.array(edges, dtype=np.int64).reshape(-1, 2).T


def pooled(points, chosen, k, groups):
    """Edges to chosen points of groups whose rows stand together."""
    offsets = np.concatenate([np.flatnonzero(np.diff(groups, prepend=-1)), [len(groups)]])
    return edges_to_chosen(nearest_rows(points, k, offsets), chosen)


def dyadic(rng, shape):
    """Positions that float64 holds exactly, also 1 m (1e9 nm) away."""
    return np.round(rng.normal(scale=100.0, size=shape) * 2**16) / 2**16


def assert_same_edges(result, expected):
    assert result.dtype == np.int64
    assert result.flags.c_contiguous
    np.testing.assert_array_equal(result, expected)


def test_three_points_on_a_line():
    points = np.array([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]])

    assert_same_edges(nearest_edges(points, 1), [[1, 0, 1], [0, 1, 2]])
    assert_same_edges(nearest_edges(points, 2), [[1, 2, 0, 2, 0, 1], [0, 0, 1, 1, 2, 2]])


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("k", [1, 4, 100])
def test_nearest_is_brute_force(dimensions, k):
    rng = np.random.default_rng(0)
    points = rng.normal(size=(60, dimensions))

    assert_same_edges(nearest_edges(points, k), brute_nearest(points, k, np.zeros(60)))


def test_nearest_one_metre_from_the_origin():
    points = dyadic(np.random.default_rng(5), (80, 2))
    assert (points + 1e9 - 1e9 == points).all()

    assert_same_edges(nearest_edges(points + 1e9, 5), nearest_edges(points, 5))


@pytest.mark.parametrize("k", [1, 3, 6, 20])
def test_coincident_points_are_neighbours_but_not_of_themselves(k):
    points = np.repeat([[0.0, 0.0], [10.0, 0.0]], [7, 2], axis=0)

    edges = nearest_edges(points, k)

    source, target = edges
    assert (source != target).all()
    assert len(np.unique(edges, axis=1).T) == edges.shape[1]
    assert np.bincount(target).tolist() == [min(k, 8)] * 9
    between = distances(points)
    for row in range(9):
        result = np.sort(between[source[target == row], row])
        np.testing.assert_array_equal(result, np.sort(np.delete(between[row], row))[: len(result)])


@pytest.mark.parametrize(("n", "k"), [(0, 3), (1, 3)])
def test_nearest_of_nothing_is_nothing(n, k):
    assert_same_edges(nearest_edges(np.zeros((n, 2)), k), np.empty((2, 0)))


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("k", [1, 4, 100])
def test_edges_to_chosen_are_brute_force(dimensions, k):
    rng = np.random.default_rng(6)
    points = rng.normal(size=(60, dimensions))
    groups = np.sort(rng.integers(6, size=60))
    chosen = rng.choice(60, 25, replace=False)

    assert_same_edges(pooled(points, chosen, k, groups), brute_between(points, chosen, k, groups))


@pytest.mark.parametrize("k", [1, 4, 100])
def test_edges_to_each_are_those_of_nearest(k):
    rng = np.random.default_rng(11)
    points, groups = rng.normal(size=(60, 3)), np.repeat([0, 1, 2], [1, 24, 35])

    rows = nearest_rows(points, k, np.array([0, 1, 25, 60]))

    assert_same_edges(edges_to_each(rows), brute_nearest(points, k, groups))


def test_one_point_pooled_into_each_is_the_chosen_one_itself():
    points = np.random.default_rng(7).normal(size=(9, 2))

    assert_same_edges(pooled(points, np.array([5, 2]), 1, np.zeros(9, dtype=np.int64)), [[5, 2], [0, 1]])


def test_the_chosen_one_is_among_its_own_points_however_many_coincide():
    points, groups = np.zeros((40, 2)), np.zeros(40, dtype=np.int64)

    source, target = pooled(points, np.arange(40), 3, groups)

    assert np.bincount(target).tolist() == [3] * 40
    assert {(row, row) for row in range(40)} <= set(zip(source.tolist(), target.tolist(), strict=True))
    assert len(set(zip(source.tolist(), target.tolist(), strict=True))) == 120


def test_nothing_chosen_gives_nothing():
    none = np.empty(0, dtype=np.int64)

    assert_same_edges(pooled(np.zeros((4, 2)), none, 3, np.zeros(4)), np.empty((2, 0)))
    assert_same_edges(pooled(np.zeros((0, 2)), none, 3, none), np.empty((2, 0)))


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_within_is_brute_force(dimensions, offset):
    points = dyadic(np.random.default_rng(9), (70, dimensions))
    close = (distances(points) <= 60.0) & ~np.eye(70, dtype=bool)
    target, source = np.nonzero(close)

    assert len(source) > 10
    assert_same_edges(edges_within(points + offset, 60.0, limit=10_000), [source, target])


def test_within_counts_the_radius_itself():
    points = np.array([[0.0, 0.0], [3.0, 4.0], [3.0, 4.1]])

    assert_same_edges(edges_within(points, 5.0, limit=4), [[1, 0, 2, 1], [0, 1, 1, 2]])


def test_within_joins_coincident_points():
    assert_same_edges(edges_within(np.zeros((3, 2)), 1.0, limit=6), [[1, 2, 0, 2, 0, 1], [0, 0, 1, 1, 2, 2]])


@pytest.mark.parametrize("points", [np.zeros((0, 2)), np.zeros((1, 2)), np.array([[0.0, 0.0], [9.0, 0.0]])])
def test_within_of_the_lonely_is_nothing(points):
    assert_same_edges(edges_within(points, 5.0, limit=1), np.empty((2, 0)))


def test_too_many_edges_within_are_refused():
    points = np.array([[0.0, 0.0], [3.0, 4.0], [3.0, 4.1]])

    with pytest.raises(DataError, match=r"limit=3 edges .* radius_nm=5 of each other, found 4 among 3 "):
        edges_within(points, 5.0, limit=3)


def test_edges_within_are_counted_before_memory_is_taken():
    points = np.random.default_rng(12).normal(size=(200_000, 2))
    points[:100_000] = 0.0  # all pairs would take 300 GB

    with pytest.raises(DataError, match="found 39999800000 among 200000 clusters"):
        edges_within(points, 100.0, limit=10_000_000)


def test_all_pairs():
    assert_same_edges(all_edges(3, limit=3), [[1, 2, 0, 2, 0, 1], [0, 0, 1, 1, 2, 2]])
    assert_same_edges(all_edges(1, limit=3), np.empty((2, 0)))
    assert_same_edges(all_edges(0, limit=3), np.empty((2, 0)))


def test_too_many_pairs_are_refused():
    with pytest.raises(DataError, match=r"limit=3 clusters .*, found 4, with 12 edges"):
        all_edges(4, limit=3)


def test_edges_are_sorted_by_target_then_source():
    edges = np.array([[3, 0, 2, 1, 0], [1, 2, 0, 0, 1]], dtype=np.int32)

    assert_same_edges(sort_edges(edges), [[1, 2, 0, 3, 0], [0, 0, 1, 1, 2]])
    assert_same_edges(sort_edges(np.empty((2, 0))), np.empty((2, 0)))


LINE = np.array([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]])


@pytest.mark.parametrize("edges", [Nearest(3), AllPairs(), WithinRadius(5.0)])
def test_one_cluster_has_no_edges(edges):
    result = edges(np.zeros((1, 3)))

    assert result.shape == (2, 0)
    assert result.dtype == np.int64


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (lambda: Nearest(k=0), "k"),
        (lambda: AllPairs(limit=0), "limit"),
        (lambda: WithinRadius(radius_nm=0.0), "radius_nm"),
        (lambda: WithinRadius(radius_nm=float("nan")), "radius_nm"),
        (lambda: WithinRadius(radius_nm=1.0, limit=0), "limit"),
    ],
)
def test_a_setting_out_of_range_is_named(make, setting):
    with pytest.raises(ConfigError) as error:
        make()
    assert error.value.setting == setting


def test_builders_find_the_edges_of_their_settings():
    line = np.array([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]])

    assert_same_edges(Nearest(k=1)(line), nearest_edges(line, 1))
    assert_same_edges(AllPairs(limit=3)(line), all_edges(3, 3))
    assert_same_edges(WithinRadius(radius_nm=1.5)(line), [[1, 0], [0, 1]])
