"""The tree of compiled code: halves, boxes and distances."""

import numpy as np
import pytest

from locgraph.preparation.kd_tree import build_tree, square_between, square_to_box


def points_of(kind, n, dimensions):
    points = np.random.default_rng(n).normal(size=(n, dimensions))
    if kind == "whole":
        points = np.round(points)
    elif kind == "one place":
        points[:] = 3.0
    elif kind == "sorted":
        points = np.sort(points, axis=0)
    return points


@pytest.mark.parametrize("kind", ["any", "whole", "one place", "sorted"])
@pytest.mark.parametrize("n", [1, 4, 5, 77, 1000])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_halves_of_a_node_lie_on_two_sides_of_its_widest_axis(kind, n, dimensions):
    points = points_of(kind, n, dimensions)
    tree = build_tree(points, 4)
    leaves = len(tree.starts) // 2

    assert sorted(tree.order) == list(range(n))
    assert np.array_equal(points[tree.order], tree.points)
    assert (tree.starts[1], tree.stops[1]) == (0, n)
    assert (np.diff([*tree.starts[leaves:], n]) <= 4).all()
    for node in range(1, 2 * leaves):
        part = tree.points[tree.starts[node] : tree.stops[node]]
        assert np.array_equal(tree.low[node], part.min(axis=0))
        assert np.array_equal(tree.high[node], part.max(axis=0))
        if node < leaves:
            middle = tree.stops[2 * node]
            assert (tree.starts[2 * node], tree.stops[2 * node + 1]) == (tree.starts[node], tree.stops[node])
            assert middle == tree.starts[2 * node + 1] == (tree.starts[node] + tree.stops[node]) // 2
            axis = int(np.argmax(tree.high[node] - tree.low[node]))
            assert tree.points[tree.starts[node] : middle, axis].max() <= tree.high[2 * node + 1, axis]
            assert tree.high[2 * node, axis] <= tree.low[2 * node + 1, axis]


@pytest.mark.parametrize("dimensions", [2, 3])
def test_no_point_is_nearer_than_the_box_around_it(dimensions):
    tree = build_tree(points_of("any", 200, dimensions) * 1e3 + 1e6, 4)
    for i in range(0, 200, 7):
        for node in range(1, len(tree.starts)):
            squares = [square_between(tree.points, i, j) for j in range(tree.starts[node], tree.stops[node])]
            assert square_to_box(tree, i, node) <= min(squares)
            if tree.starts[node] <= i < tree.stops[node]:
                assert square_to_box(tree, i, node) == 0.0
