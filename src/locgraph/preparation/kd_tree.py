"""A balanced k-d tree for compiled code: points in an order in which those of each node stand together.

For work that scipy's tree does not offer: counts that add whole nodes, shortest edges between components, and
farthest points. Halves are cut at the median row, so that any number of points at one place cost nothing more.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numba
import numpy as np

LEAF: Final = 16
"""Points of a leaf, at most."""


class Tree(NamedTuple):
    """Points and the boxes around parts of them; a named tuple, since compiled functions take those.

    Node 1 holds all points; the halves of node i are 2 i and 2 i + 1; the last L nodes, from L on, are the leaves.

    Attributes:
        points: Positions (N, D) float64, those of a node together.
        order: Row of the input of each of these points (N,) int64.
        starts: First point of each node (2 L,) int64; of node 0 nothing is meant.
        stops: End of the points of each node (2 L,) int64.
        low: Lowest coordinates of each node (2 L, D) float64.
        high: Highest coordinates of each node (2 L, D) float64.
    """

    points: np.ndarray
    order: np.ndarray
    starts: np.ndarray
    stops: np.ndarray
    low: np.ndarray
    high: np.ndarray


@numba.njit(cache=True)
def build_tree(points: np.ndarray, leaf: int) -> Tree:
    """Build a tree.

    Args:
        points: Positions (N, D) float64, finite, N at least 1.
        leaf: Points of a leaf, at most.

    Returns:
        The tree; the same for the same rows in the same order.
    """
    n, dimensions = points.shape
    leaves = 1
    while n > leaf * leaves:
        leaves *= 2
    places, order = points.copy(), np.arange(n)
    starts, stops = np.zeros(2 * leaves, dtype=np.int64), np.zeros(2 * leaves, dtype=np.int64)
    low, high = np.zeros((2 * leaves, dimensions)), np.zeros((2 * leaves, dimensions))
    starts[1], stops[1] = 0, n
    for node in range(1, 2 * leaves):
        start, stop = starts[node], stops[node]
        _measure_box(places, start, stop, low[node], high[node])
        if node < leaves:
            axis = 0
            for other in range(1, dimensions):
                if high[node, other] - low[node, other] > high[node, axis] - low[node, axis]:
                    axis = other
            middle = (start + stop) // 2
            _part_at(places, order, axis, start, middle, stop)
            starts[2 * node], stops[2 * node] = start, middle
            starts[2 * node + 1], stops[2 * node + 1] = middle, stop
    return Tree(places, order, starts, stops, low, high)


@numba.njit(cache=True)
def square_between(points: np.ndarray, i: int, j: int) -> float:
    """Return the squared distance between two of the points (N, D)."""
    square = 0.0
    for axis in range(points.shape[1]):
        step = points[i, axis] - points[j, axis]
        square += step * step
    return square


@numba.njit(cache=True)
def square_to_box(tree: Tree, i: int, node: int) -> float:
    """Return the squared distance from a point of the tree to the box of a node.

    It is rounded as those to points are, so never above that to a point of the node.
    """
    square = 0.0
    for axis in range(tree.points.shape[1]):
        place = tree.points[i, axis]
        step = max(tree.low[node, axis] - place, 0.0, place - tree.high[node, axis])
        square += step * step
    return square


@numba.njit(cache=True)
def _measure_box(places: np.ndarray, start: int, stop: int, low: np.ndarray, high: np.ndarray) -> None:
    low[:], high[:] = np.inf, -np.inf
    for place in range(start, stop):
        for axis in range(places.shape[1]):
            low[axis] = min(low[axis], places[place, axis])
            high[axis] = max(high[axis], places[place, axis])


@numba.njit(cache=True)
def _part_at(places: np.ndarray, order: np.ndarray, axis: int, start: int, middle: int, stop: int) -> None:
    """Swap points until none before ``middle`` is above one from there on (quickselect)."""
    state = 12345  # the same pivots each time, in no pattern
    while stop - start > 1:
        state = (1103515245 * state + 12345) % 2147483648
        pivot = places[start + (state >> 8) % (stop - start), axis]
        above = _move_below(places, order, axis, start, stop, pivot, False)
        if above == start:  # the pivot is the least: points equal to it, which may be many, are done with
            above = _move_below(places, order, axis, start, stop, pivot, True)
            if middle < above:
                return
        if middle < above:
            stop = above
        else:
            start = above


@numba.njit(cache=True)
def _move_below(
    places: np.ndarray, order: np.ndarray, axis: int, start: int, stop: int, pivot: float, equal: bool
) -> int:
    """Move the points below a pivot, or also those equal to it, before the others; return where the others start."""
    above = start
    for place in range(start, stop):
        value = places[place, axis]
        order[place], order[above] = order[above], order[place]  # always: a branch would take longer
        for other in range(places.shape[1]):
            places[place, other], places[above, other] = places[above, other], places[place, other]
        above += (value < pivot) | (equal & (value == pivot))
    return above
