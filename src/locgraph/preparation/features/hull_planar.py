"""Convex hulls of many planar clusters in one compiled pass."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np

from locgraph.preparation.features.grouping import thinnest

_INSERTED: Final = 64  # most points that are sorted by insertion: from here on a merge sort is faster


def planar_hulls(
    points: np.ndarray, offsets: np.ndarray, resolution: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Perimeter, area and length of the convex hull of each cluster.

    Args:
        points: Positions (N, 2) float64 nm, sorted by cluster, relative to the centre of the cluster.
        offsets: First row of each cluster, and N at the end (C + 1,) int64.
        resolution: Rounding of the coordinates of each cluster (C,) float64 nm.

    Returns:
        Perimeter (C,) nm, area (C,) nm^2, and largest distance between two points (C,) nm. Of a hull no wider than
        rounding: twice its length, 0, and its length.
    """
    perimeters, areas, lengths = _measure(np.ascontiguousarray(points), offsets)
    thin = thinnest(lengths, resolution)
    lengths = np.where(lengths > thin, lengths, 0.0)
    flat = areas <= thin * lengths
    return np.where(flat, 2 * lengths, perimeters), np.where(flat, 0.0, areas), lengths


@numba.njit(cache=True)
def _measure(points: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    C = offsets.shape[0] - 1
    perimeters, areas, lengths = np.zeros(C), np.zeros(C), np.zeros(C)
    for cluster in range(C):
        hull = monotone_chain(_by_x(points[offsets[cluster] : offsets[cluster + 1]]))
        lengths[cluster] = diameter(hull)
        for i in range(hull.shape[0]):
            j = i + 1 if i + 1 < hull.shape[0] else 0
            perimeters[cluster] += np.hypot(hull[j, 0] - hull[i, 0], hull[j, 1] - hull[i, 1])
            areas[cluster] += (hull[i, 0] * hull[j, 1] - hull[j, 0] * hull[i, 1]) / 2
    return perimeters, areas, lengths


@numba.njit(cache=True)
def _by_x(points: np.ndarray) -> np.ndarray:
    """Points (n, 2) sorted by x, then y: cluster by cluster this takes a tenth of the time of sorting all at once."""
    if points.shape[0] > _INSERTED:
        ordered = points[np.argsort(points[:, 0], kind="mergesort")]
        start = 0
        for i in range(1, points.shape[0] + 1):
            if i == points.shape[0] or ordered[i, 0] != ordered[start, 0]:
                ordered[start:i, 1] = np.sort(ordered[start:i, 1])
                start = i
        return ordered
    ordered = points.copy()
    for i in range(1, points.shape[0]):
        x, y = ordered[i, 0], ordered[i, 1]
        j = i
        while j > 0 and (ordered[j - 1, 0] > x or (ordered[j - 1, 0] == x and ordered[j - 1, 1] > y)):
            ordered[j, 0], ordered[j, 1] = ordered[j - 1, 0], ordered[j - 1, 1]
            j -= 1
        ordered[j, 0], ordered[j, 1] = x, y
    return ordered


@numba.njit(cache=True)
def monotone_chain(points: np.ndarray) -> np.ndarray:
    """Vertices of a convex hull, anticlockwise (Andrew 1979, 10.1016/0020-0190(79)90072-3).

    Args:
        points: Positions (n, 2) float64, sorted by x, then y.

    Returns:
        Vertices (h, 2) float64, none within an edge; two equal ones if all points coincide.
    """
    n = points.shape[0]
    chain = np.empty(2 * n, dtype=np.int64)
    size = 0
    for i in range(n):
        while size >= 2 and _turn(points, chain[size - 2], chain[size - 1], i) <= 0:
            size -= 1
        chain[size] = i
        size += 1
    lower = size + 1
    for i in range(n - 2, -1, -1):
        while size >= lower and _turn(points, chain[size - 2], chain[size - 1], i) <= 0:
            size -= 1
        chain[size] = i
        size += 1
    return points[chain[: max(size - 1, 1)]]  # the first point stands at the end again


@numba.njit(cache=True)
def _turn(points: np.ndarray, a: int, b: int, c: int) -> float:
    """Above 0 where the way from ``a`` over ``b`` to ``c`` turns left."""
    return (points[b, 0] - points[a, 0]) * (points[c, 1] - points[a, 1]) - (points[b, 1] - points[a, 1]) * (
        points[c, 0] - points[a, 0]
    )


@numba.njit(cache=True)
def diameter(points: np.ndarray) -> float:
    """Largest distance between two points (n, D); the origin should lie among them.

    Pairs are visited from the outermost point inwards and left out as soon as their distances to the origin add up to
    less than what was found, so that few of the n^2 pairs are measured.
    """
    radii = np.sqrt((points * points).sum(axis=1))
    order = np.argsort(-radii, kind="mergesort")
    best = 0.0
    for i in range(points.shape[0]):
        a = order[i]
        if 2 * radii[a] <= best:
            break
        for j in range(i + 1, points.shape[0]):
            b = order[j]
            if radii[a] + radii[b] <= best:
                break
            squared = 0.0
            for axis in range(points.shape[1]):
                squared += (points[a, axis] - points[b, axis]) ** 2
            best = max(best, np.sqrt(squared))
    return best
