"""Nearest neighbours against randomness: patterns whose answer is known, in 2D and 3D, and windows."""

import numpy as np
import pytest

from locgraph.errors import DataError
from locgraph.stats.point_patterns import (
    CSR,
    RELABELLING,
    Window,
    bounding_box,
    mean_nearest,
    neighbour_tests,
)

BOX = Window(np.array([[0, 0], [1000, 0], [1000, 1000], [0, 1000]], dtype=float))


def by_pair(points, classes, window=BOX, n=99, seed=0):
    found = neighbour_tests(points, classes, window, n, seed)
    return {(test.null, test.source, test.target): test for test in found}


def test_a_window_is_the_hull_of_its_points():
    rng = np.random.default_rng(0)
    inside = rng.uniform(1, 999, (100, 2))
    assert Window(np.vstack([BOX.corners, inside])).size == pytest.approx(1e6)
    assert Window(bounding_box(rng.uniform(0, 10, (5, 3)))).corners.shape == (8, 3)
    drawn = Window(np.array([[0, 0], [1000, 0], [0, 1000]], dtype=float)).draw(20_000, rng)
    assert (drawn.sum(axis=1) <= 1000).all()
    assert drawn.mean(axis=0) == pytest.approx([1000 / 3] * 2, abs=10)
    with pytest.raises(DataError, match="3 localisations span no area"):
        Window(np.array([[0, 0], [1, 1], [2, 2]], dtype=float))
    with pytest.raises(DataError, match="span no volume"):
        Window(np.zeros((10, 3)))


def test_mean_nearest_by_hand():
    points = np.array([[0, 0], [3, 0], [3, 4]], dtype=float)
    assert mean_nearest(points) == pytest.approx((3 + 3 + 4) / 3)
    assert mean_nearest(points[:1], points[1:]) == 3


def test_random_points_are_not_called_otherwise():
    rng = np.random.default_rng(1)
    p = [by_pair(rng.uniform(0, 1000, (40, 2)), [None] * 40, n=39, seed=seed)[CSR, None, None].p for seed in range(60)]
    assert np.mean(np.array(p) <= 0.05) <= 0.12
    assert 0.35 < np.mean(p) < 0.65


@pytest.mark.parametrize("dimensions", [2, 3])
def test_clusters_and_grids_are_told_from_randomness(dimensions):
    rng = np.random.default_rng(2)
    side = 8 if dimensions == 2 else 4
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1000, side)] * dimensions), axis=-1).reshape(-1, dimensions)
    window = Window(grid)
    parents = rng.uniform(0, 1000, (8, dimensions))
    clustered = parents.repeat(8, axis=0) + rng.normal(0, 10, (64, dimensions))
    even = by_pair(grid, [None] * 64, window)[CSR, None, None]
    close = by_pair(clustered, [None] * 64, window)[CSR, None, None]
    assert even.ratio > 1.3
    assert even.p == 0.02
    assert close.ratio < 0.5
    assert close.p == 0.02


def test_edges_are_corrected():
    # Clark and Evans without correction give more than 1 here, since distances across the edge are lost
    rng = np.random.default_rng(3)
    ratios = [by_pair(rng.uniform(0, 1000, (12, 2)), [None] * 12, seed=s)[CSR, None, None].ratio for s in range(60)]
    naive = [mean_nearest(rng.uniform(0, 1000, (12, 2))) * 2 * np.sqrt(12 / 1e6) for _ in range(200)]
    assert np.mean(ratios) == pytest.approx(1, abs=0.06)
    assert np.mean(naive) > 1.1


def test_attraction_between_classes_is_told_by_relabelling_also_where_all_points_cluster():
    rng = np.random.default_rng(4)
    places = rng.uniform(0, 1000, (30, 2))
    # pairs of a and b, and pairs of like classes
    pairs = np.concatenate([places, places + np.array([5.0, 0.0])])
    attracted = by_pair(pairs, ["a"] * 30 + ["b"] * 30)
    apart = by_pair(pairs, (["a"] * 15 + ["b"] * 15) * 2)
    assert attracted[RELABELLING, "a", "b"].ratio < 0.7
    assert attracted[RELABELLING, "a", "b"].p == 0.02
    assert attracted[RELABELLING, "a", "a"].ratio > 1.2
    assert apart[RELABELLING, "a", "b"].ratio > 1.2
    assert apart[RELABELLING, "a", "b"].p == 0.02
    # randomly labelled pairs are clustered, and nothing more
    labels = rng.permutation(["a"] * 30 + ["b"] * 30)
    random = by_pair(pairs, labels.tolist())
    assert random[CSR, None, None].p == 0.02
    assert random[RELABELLING, "a", "b"].p > 0.05


def test_few_points_and_points_without_class():
    rng = np.random.default_rng(5)
    points = rng.uniform(0, 1000, (14, 2))
    found = by_pair(points, ["a"] * 6 + ["b"] * 4 + [None] * 4)
    assert set(found) == {(CSR, None, None), (CSR, "a", "a")}
    assert found[CSR, None, None].n_source == 14
    assert by_pair(points[:4], ["a"] * 4) == {}
    assert {null for null, _, _ in by_pair(points, ["a"] * 7 + ["b"] * 7, window=None)} == {RELABELLING}


def test_seeds_decide():
    points = np.random.default_rng(6).uniform(0, 1000, (20, 2))
    classes = ["a", "b"] * 10
    assert by_pair(points, classes, seed=1) == by_pair(points, classes, seed=1)
    assert by_pair(points, classes, seed=1) != by_pair(points, classes, seed=2)
