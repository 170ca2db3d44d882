"""Farthest-point sampling within each cluster, compiled, deterministic."""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

_SMALLEST_BUCKET: Final = 64  # points that are looked at, or left alone, together
_EQUAL: Final = 1 - 1e-9  # of two points both are equally far from their centre, but for rounding
_BITS: Final = 16  # cells for each axis, as a power of 2, when points are put in order


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

    Source: Eldar et al. 1997, "The farthest point strategy for progressive image sampling", 10.1109/83.623193. Points
    are kept in buckets, and buckets out of reach of the last point chosen are left alone, as in Han et al. 2023,
    "QuickFPS", 10.1109/TCAD.2023.3274922: the same points, in a fraction of the time for groups of thousands.
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
            chosen[filled:end] = start + _farthest_of_group(points[start:stop], wanted[group])
            filled = end
    return chosen


@njit(cache=True)
def _farthest_of_group(points: np.ndarray, wanted: int) -> np.ndarray:
    """Return the rows of the chosen points of one group, in the order of their choice."""
    size = max(_SMALLEST_BUCKET, int(2 * np.sqrt(len(points))))  # few buckets to ask, few points in each
    order = _neighbours_together(points, size)
    places = points[order]
    low, high = _boxes(places, size)
    gap = np.full(len(points), np.inf)  # squared distance to the nearest chosen point; -1 for these themselves
    widest = np.full(len(low), np.inf)  # largest gap in each bucket, and its place
    where = np.zeros(len(low), dtype=np.int64)
    chosen = np.empty(wanted, dtype=np.int64)
    last = _farthest_from_centre(places, order)
    for step in range(wanted):
        chosen[step] = order[last]
        gap[last] = -1.0
        best = 0
        for bucket in range(len(low)):
            # no point of a box can be nearer than the box: gaps up to that distance stay as they are
            if bucket == last // size or _to_box(places[last], low[bucket], high[bucket]) < widest[bucket]:
                span = (bucket * size, min((bucket + 1) * size, len(points)))
                widest[bucket], where[bucket] = _update(places, order, gap, span, last)
            if widest[bucket] > widest[best] or (
                widest[bucket] == widest[best] and order[where[bucket]] < order[where[best]]
            ):
                best = bucket
        last = where[best]
    return chosen


@njit(cache=True)
def _update(
    places: np.ndarray, order: np.ndarray, gap: np.ndarray, span: tuple[int, int], last: int
) -> tuple[float, int]:
    """Lower the gaps of a bucket to the distance from the last chosen point; return the largest left, and its place."""
    widest, where = -1.0, span[0]
    for place in range(span[0], span[1]):
        if gap[place] < 0.0:
            continue
        square = 0.0
        for axis in range(places.shape[1]):
            square += (places[place, axis] - places[last, axis]) ** 2
        gap[place] = min(gap[place], square)
        if gap[place] > widest or (gap[place] == widest and order[place] < order[where]):
            widest, where = gap[place], place
    return widest, where


@njit(cache=True)
def _farthest_from_centre(places: np.ndarray, order: np.ndarray) -> int:
    centre = np.zeros(places.shape[1])
    for axis in range(places.shape[1]):
        centre[axis] = places[:, axis].mean()
    squares = np.zeros(len(places))
    for place in range(len(places)):
        for axis in range(places.shape[1]):
            squares[place] += (places[place, axis] - centre[axis]) ** 2
    least, where = squares.max() * _EQUAL, -1
    for place in range(len(places)):
        if squares[place] >= least and (where < 0 or order[place] < order[where]):
            where = place
    return where


@njit(cache=True)
def _neighbours_together(points: np.ndarray, size: int) -> np.ndarray:
    """Return the rows along a Z-order curve, so that ``size`` consecutive ones are close together."""
    n, dimensions = points.shape
    if n <= size:
        return np.arange(n)
    code = np.zeros(n, dtype=np.int64)
    for axis in range(dimensions):
        low = points[:, axis].min()
        width = max(points[:, axis].max() - low, 1e-300)
        for row in range(n):
            cell = min(int((points[row, axis] - low) / width * 2**_BITS), 2**_BITS - 1)
            for bit in range(_BITS):
                code[row] |= ((cell >> bit) & 1) << (bit * dimensions + axis)
    return np.argsort(code, kind="mergesort")


@njit(cache=True)
def _boxes(places: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest coordinates of each bucket of ``size`` points."""
    count = (len(places) + size - 1) // size
    low, high = np.empty((count, places.shape[1])), np.empty((count, places.shape[1]))
    for bucket in range(count):
        part = places[bucket * size : (bucket + 1) * size]
        for axis in range(places.shape[1]):
            low[bucket, axis], high[bucket, axis] = part[:, axis].min(), part[:, axis].max()
    return low, high


@njit(cache=True)
def _to_box(point: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """Return the squared distance from a point to a box, rounded as those to points are, so never above them."""
    square = 0.0
    for axis in range(len(point)):
        square += max(low[axis] - point[axis], 0.0, point[axis] - high[axis]) ** 2
    return square
