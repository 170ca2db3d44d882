"""Farthest-point sampling within each cluster, compiled, deterministic."""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from locgraph.preparation.kd_tree import Tree, build_tree, square_between, square_to_box

_FEW: Final = 200  # points up to which looking at all of them is faster than a tree
_LEAF: Final = 64  # points of a leaf of that tree
_EQUAL: Final = 1 - 1e-9  # of two points both are equally far from their centre, but for rounding


def farthest_points(points: np.ndarray, offsets: np.ndarray, ratio: float) -> np.ndarray:
    """Choose an evenly spread part of each group of points.

    The first point chosen is the one farthest from the group's centre, each next one the farthest from those chosen so
    far; ties go to the first row, as do the two points of a group of two, whatever their rounding. Nothing is random,
    and rotating or shifting the points changes nothing.

    Args:
        points: Positions (N, D) float64; the rows of a group stand together.
        offsets: Start of each group and the end of the last (G + 1,) int64.
        ratio: Fraction of each group that is chosen, rounded up, in (0, 1]; at least one point of each.

    Returns:
        Rows of the chosen points (M,) int64, ascending.

    Source: Eldar et al. 1997, "The farthest point strategy for progressive image sampling", 10.1109/83.623193. Large
    groups are kept in a k-d tree, and nodes out of reach of the last point chosen are left alone, as in Han et al.
    2023, "QuickFPS", 10.1109/TCAD.2023.3274922: the same points, in time n log n.
    """
    sizes = np.diff(offsets)
    # the tiny shift keeps 0.1 * 30 = 3.0000000000000004 from being rounded up to 4
    wanted = np.minimum(sizes, np.maximum(1, np.ceil(sizes * ratio - 1e-9))).astype(np.int64)
    return np.sort(_farthest(np.ascontiguousarray(points), offsets.astype(np.int64), wanted))


@njit(cache=True)
def _farthest(points: np.ndarray, offsets: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    chosen = np.empty(wanted.sum(), dtype=np.int64)
    filled = 0
    for group in range(len(wanted)):
        start, stop = offsets[group], offsets[group + 1]
        if start < stop:
            end = filled + wanted[group]
            part = points[start:stop]
            if len(part) <= _FEW:
                chosen[filled:end] = start + _farthest_of_few(part, wanted[group])
            else:
                chosen[filled:end] = start + _farthest_of_many(part, wanted[group])
            filled = end
    return chosen


@njit(cache=True)
def _farthest_of_few(points: np.ndarray, wanted: int) -> np.ndarray:
    """Return the rows of the chosen points of one group, in the order of their choice."""
    gap = np.full(len(points), np.inf)  # squared distance to the nearest chosen point; -1 for these themselves
    chosen = np.empty(wanted, dtype=np.int64)
    last = _farthest_from_centre(points)
    for step in range(wanted):
        chosen[step] = last
        gap[last] = -1.0
        best = 0
        for row in range(len(points)):
            gap[row] = min(gap[row], square_between(points, row, last))
            if gap[row] > gap[best]:
                best = row
        last = best
    return chosen


@njit(cache=True)
def _farthest_of_many(points: np.ndarray, wanted: int) -> np.ndarray:
    """Return what `_farthest_of_few` returns, from a tree whose nodes know the largest gap of their points."""
    tree = build_tree(points, _LEAF)
    leaves = len(tree.starts) // 2
    gap = np.full(len(points), np.inf)
    widest = np.full(2 * leaves, np.inf)  # largest gap in each node, and its place
    where = np.zeros(2 * leaves, dtype=np.int64)
    chosen = np.empty(wanted, dtype=np.int64)
    visited = np.empty(2 * leaves, dtype=np.int64)
    last = int(np.argmax(tree.order == _farthest_from_centre(points)))
    for step in range(wanted):
        chosen[step] = tree.order[last]
        gap[last] = -1.0
        count = _visit(tree, last, widest, visited)
        for at in range(count - 1, -1, -1):  # halves before what they are halves of
            node = visited[at]
            if node >= leaves:
                span = (tree.starts[node], tree.stops[node])
                widest[node], where[node] = _lower_gaps(tree.points, tree.order, gap, span, last)
            else:
                half = 2 * node
                first = widest[half] == widest[half + 1] and tree.order[where[half]] < tree.order[where[half + 1]]
                if not (widest[half] > widest[half + 1] or first):
                    half += 1
                widest[node], where[node] = widest[half], where[half]
        last = where[1]
    return chosen


@njit(cache=True)
def _visit(tree: Tree, last: int, widest: np.ndarray, visited: np.ndarray) -> int:
    """List the nodes with points nearer to the last chosen point than to the others, or with itself; return how many.

    No point of a box can be nearer than the box: gaps up to that distance stay as they are.
    """
    leaves = len(tree.starts) // 2
    visited[0], count, at = 1, 1, 0
    while at < count:
        node = visited[at]
        at += 1
        if node < leaves:
            for half in (2 * node, 2 * node + 1):
                holds = tree.starts[half] <= last < tree.stops[half]
                if holds or square_to_box(tree, last, half) < widest[half]:
                    visited[count] = half
                    count += 1
    return count


@njit(cache=True)
def _lower_gaps(
    places: np.ndarray, order: np.ndarray, gap: np.ndarray, span: tuple[int, int], last: int
) -> tuple[float, int]:
    """Lower the gaps of a leaf to the distance from the last chosen point; return the largest left, and its place."""
    widest, where = -1.0, span[0]
    for place in range(span[0], span[1]):
        gap[place] = min(gap[place], square_between(places, place, last))  # that of a chosen point stays
        if gap[place] > widest or (gap[place] == widest and order[place] < order[where]):
            widest, where = gap[place], place
    return widest, where


@njit(cache=True)
def _farthest_from_centre(points: np.ndarray) -> int:
    """Return the first row of those farthest from the mean."""
    squares = np.zeros(len(points))
    for axis in range(points.shape[1]):
        centre = points[:, axis].mean()
        for row in range(len(points)):
            squares[row] += (points[row, axis] - centre) ** 2
    return int(np.argmax(squares >= squares.max() * _EQUAL))
