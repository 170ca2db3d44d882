"""Farthest-point sampling within each cluster, compiled, deterministic."""

from __future__ import annotations

import numpy as np
from numba import njit


def farthest_points(points: np.ndarray, offsets: np.ndarray, ratio: float) -> np.ndarray:
    """Chooses an evenly spread part of each group of points.

    The first point chosen is the one farthest from the group's centre, each next one the farthest from those chosen so
    far; ties go to the first row. Nothing is random, and rotating or shifting the points changes nothing.

    Args:
        points: Positions (N, D) float64; the rows of a group stand together.
        offsets: Start of each group and the end of the last (G + 1,) int64.
        ratio: Fraction of each group that is chosen, rounded up, in (0, 1]; at least one point of each.

    Returns:
        Rows of the chosen points (M,) int64, ascending.

    Source: Eldar et al. 1997, "The farthest point strategy for progressive image sampling", 10.1109/83.623193.
    """
    sizes = np.diff(offsets)
    # the tiny shift keeps 0.1 * 30 = 3.0000000000000004 from being rounded up to 4
    wanted = np.minimum(sizes, np.maximum(1, np.ceil(sizes * ratio - 1e-9))).astype(np.int64)
    return np.sort(_farthest(np.ascontiguousarray(points), offsets.astype(np.int64), wanted))


@njit(cache=True)
def _farthest(points: np.ndarray, offsets: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    dimensions = points.shape[1]
    chosen = np.empty(wanted.sum(), dtype=np.int64)
    filled = 0
    for group in range(len(wanted)):
        start, stop = offsets[group], offsets[group + 1]
        gap = np.full(stop - start, np.inf)
        centre = np.zeros(dimensions)
        for row in range(start, stop):
            for axis in range(dimensions):
                centre[axis] += points[row, axis] / (stop - start)
        last = start
        farthest = -1.0
        for row in range(start, stop):
            square = 0.0
            for axis in range(dimensions):
                square += (points[row, axis] - centre[axis]) ** 2
            if square > farthest:
                farthest = square
                last = row
        for _ in range(wanted[group]):
            chosen[filled] = last
            filled += 1
            gap[last - start] = -1.0
            new = last
            farthest = -1.0
            for row in range(start, stop):
                if gap[row - start] < 0.0:
                    continue
                square = 0.0
                for axis in range(dimensions):
                    square += (points[row, axis] - points[last, axis]) ** 2
                if square < gap[row - start]:
                    gap[row - start] = square
                if gap[row - start] > farthest:
                    farthest = gap[row - start]
                    new = row
            last = new
    return chosen
