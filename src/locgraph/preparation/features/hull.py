"""Size and shape of clusters from their convex hulls."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import polars as pl
from scipy.spatial import ConvexHull, QhullError

from locgraph.preparation.features.base import Groups, thinnest
from locgraph.preparation.features.shape import principal_axes, ratio
from locgraph.schema import LOG, Column

PERIMETER_HULL: Final = "perimeter_hull"
AREA_HULL: Final = "area_hull"
SURFACE_HULL: Final = "surface_hull"
VOLUME_HULL: Final = "volume_hull"
LENGTH_HULL: Final = "length_hull"
CIRCULARITY: Final = "circularity"
SPHERICITY: Final = "sphericity"
DENSITY_HULL: Final = "density_hull"


class Hull:
    """Convex hull of the positions.

    In 2D, with perimeter P and area A of the hull: ``perimeter_hull`` P in nm, ``area_hull`` A in nm^2,
    ``length_hull``, the largest distance between two vertices, in nm, ``circularity`` = 4 pi A / P^2 (isoperimetric
    quotient: 1 for a disc, 0 for a line; Cox 1927, J. Paleontol. 1, 179-183), ``density_hull`` = n / A in 1/nm^2.

    In 3D, with surface S and volume V: ``surface_hull`` S in nm^2, ``volume_hull`` V in nm^3, ``length_hull`` in nm,
    ``sphericity`` = pi^(1/3) (6 V)^(2/3) / S (1 for a ball, 0 for a disc; Wadell 1932, J. Geol. 40, 443-451),
    ``density_hull`` = n / V in 1/nm^3.

    A hull without area (2D) or volume (3D) is the limit of one that gets ever thinner: a collinear cluster of length L
    has the perimeter 2 L; a coplanar one of area A in 3D has the surface 2 A; its area or volume, circularity or
    sphericity, and its density are 0. Coincident localisations, and a single one: all 0. Widths that are rounding alone
    (:meth:`Groups.thinnest`) count as 0.
    """

    needs: tuple[str, ...] = ()

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """Return the columns in 2 or 3 dimensions."""
        length = Column(LENGTH_HULL, pl.Float64, "nm", "largest distance between two localisations", LOG)
        if dimensions == 2:
            return (
                Column(PERIMETER_HULL, pl.Float64, "nm", "perimeter of the convex hull", LOG),
                Column(AREA_HULL, pl.Float64, "nm^2", "area of the convex hull", LOG),
                length,
                Column(CIRCULARITY, pl.Float64, "1", "0 on a line, 1 a disc"),
                Column(DENSITY_HULL, pl.Float64, "1/nm^2", "localisations per area_hull", LOG),
            )
        return (
            Column(SURFACE_HULL, pl.Float64, "nm^2", "surface of the convex hull", LOG),
            Column(VOLUME_HULL, pl.Float64, "nm^3", "volume of the convex hull", LOG),
            length,
            Column(SPHERICITY, pl.Float64, "1", "0 in a plane, 1 a ball"),
            Column(DENSITY_HULL, pl.Float64, "1/nm^3", "localisations per volume_hull", LOG),
        )

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measure all clusters at once."""
        rim, content, length = groups.once(hulls)
        density = ratio(groups.counts, content)
        if groups.dimensions == 2:
            roundness = np.minimum(ratio(4 * np.pi * content, rim**2), 1.0)
            named = {PERIMETER_HULL: rim, AREA_HULL: content, CIRCULARITY: roundness}
        else:
            roundness = np.minimum(ratio(np.cbrt(np.pi) * np.cbrt(6 * content) ** 2, rim), 1.0)
            named = {SURFACE_HULL: rim, VOLUME_HULL: content, SPHERICITY: roundness}
        return named | {LENGTH_HULL: length, DENSITY_HULL: density}


def hulls(groups: Groups) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the rim, content and length of the convex hull of each cluster; take it by :meth:`Groups.once`.

    Args:
        groups: The localisations of C clusters.

    Returns:
        In 2D perimeter (C,) nm and area (C,) nm^2, in 3D surface (C,) nm^2 and volume (C,) nm^3; and the largest
        distance between two localisations (C,) nm.
    """
    if groups.dimensions == 2:
        return planar_hulls(groups.centred, groups.offsets, groups.resolution)
    return solid_hulls(groups)


_INSERTED: Final = 64  # most points that are sorted by insertion: from here on a merge sort is faster


def planar_hulls(
    points: np.ndarray, offsets: np.ndarray, resolution: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the perimeter, area and length of the convex hull of each cluster.

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
    """Return points (n, 2) sorted by x, then y: in a tenth of the time of sorting all clusters at once."""
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
    """Return the vertices of a convex hull, anticlockwise (Andrew 1979, 10.1016/0020-0190(79)90072-3).

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
    """Return a number above 0 where the way from ``a`` over ``b`` to ``c`` turns left."""
    return (points[b, 0] - points[a, 0]) * (points[c, 1] - points[a, 1]) - (points[b, 1] - points[a, 1]) * (
        points[c, 0] - points[a, 0]
    )


@numba.njit(cache=True)
def diameter(points: np.ndarray) -> float:
    """Return the largest distance between two points (n, D); the origin should lie among them.

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


def solid_hulls(groups: Groups) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the surface, volume and length of the convex hull of each cluster.

    Args:
        groups: Clusters in 3D.

    Returns:
        Surface (C,) nm^2, volume (C,) nm^3, and largest distance between two points (C,) nm. Of a hull no thicker than
        rounding: both faces, 0, and its length.
    """
    C = len(groups.counts)
    surface, volume, length = np.zeros(C), np.zeros(C), np.zeros(C)
    deviations, axes = groups.once(principal_axes)
    flat = deviations[:, 2] <= groups.thinnest(deviations[:, 0])
    for cluster in np.flatnonzero(~flat):
        rows = slice(groups.offsets[cluster], groups.offsets[cluster + 1])
        try:
            hull = ConvexHull(groups.centred[rows])
        except QhullError:  # too thin for Qhull's own bound on rounding
            flat[cluster] = True
            continue
        surface[cluster], volume[cluster] = hull.area, hull.volume
        length[cluster] = diameter(groups.centred[rows][hull.vertices])
    if flat.any():
        area, length[flat] = _in_own_planes(groups, axes, flat)
        surface[flat] = 2 * area
    return surface, volume, length


def _in_own_planes(groups: Groups, axes: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the area and length of the hulls of the chosen clusters (C,) bool, each in its principal plane."""
    rows = groups.repeat(chosen)
    planes = groups.repeat(axes[:, :, :2])[rows]
    points = np.einsum("nd,nde->ne", groups.centred[rows], planes)
    offsets = np.r_[0, np.cumsum(groups.counts[chosen])]
    _, area, length = planar_hulls(points, offsets, groups.resolution[chosen])
    return area, length
