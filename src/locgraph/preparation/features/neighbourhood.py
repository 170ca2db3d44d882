"""Distances between clusters, and between the localisations of a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numba
import numpy as np
import polars as pl
from scipy.spatial import cKDTree

from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.hull import hulls
from locgraph.preparation.kd_tree import LEAF, Tree, build_tree
from locgraph.schema import LOG, Column
from locgraph.settings import check_lengths, check_whole

NEIGHBOUR_DISTANCE: Final = "neighbour_distance"
NEIGHBOUR_DISTANCE_MEAN: Final = "neighbour_distance_mean"
CLUSTER_DENSITY: Final = "cluster_density"
RIPLEY_L: Final = "ripley_l"


class Neighbourhood:
    """Distances to the nearest clusters, and how many lie within some radii.

    All distances are between centres of mass. ``neighbour_distance`` is that to the nearest other cluster, in nm;
    ``neighbour_distance_mean`` the mean of those to the ``k`` nearest (to all others, where there are fewer), in nm.

    For each radius R, with m the number of other clusters at most R away, in 2D:

    - ``cluster_density_<R>nm`` = m / (pi R^2) in 1/nm^2; in 3D m / (4/3 pi R^3) in 1/nm^3.
    - ``ripley_l_<R>nm`` = sqrt(A m / (pi (C - 1))) in nm: the local L of Getis and Franklin 1987, 10.2307/1938452, with
      C the number of clusters and A the area of the field of view. About R where clusters lie at random, more among
      many. In 3D cbrt(3 V m / (4 pi (C - 1))).

    The field of view is taken to be the convex hull of all clustered localisations. **Edges are not corrected for**: a
    cluster at the rim has fewer neighbours, as those outside are not seen.

    A cluster alone: all 0. Clusters whose localisations lie on one line (in one plane in 3D): ``ripley_l`` 0.

    Args:
        k: Clusters in the mean distance.
        radii_nm: Radii R in nm, written into the names of the columns.

    Raises:
        ConfigError: ``k`` is no integer of at least 1, or a radius no length above 0.
    """

    needs: tuple[str, ...] = ()

    def __init__(self, k: int, radii_nm: Sequence[float]) -> None:
        self.k = check_whole("k", k, at_least=1)
        self.radii_nm = check_lengths("radii_nm", radii_nm)

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """Return the columns in 2 or 3 dimensions."""
        columns = [
            Column(NEIGHBOUR_DISTANCE, pl.Float64, "nm", "distance to the nearest other cluster; 0 for one alone", LOG),
            Column(NEIGHBOUR_DISTANCE_MEAN, pl.Float64, "nm", f"mean distance to the {self.k} nearest clusters", LOG),
        ]
        for radius in self.radii_nm:
            around, density = f"other clusters at most {radius:g} nm away", _column_name(CLUSTER_DENSITY, radius)
            columns += [
                Column(density, pl.Float64, f"1/nm^{dimensions}", f"density of {around}", LOG),
                Column(_column_name(RIPLEY_L, radius), pl.Float64, "nm", f"local Ripley's L of {around}"),
            ]
        return tuple(columns)

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measure all clusters at once."""
        C, D = groups.places.shape
        if C < 2:
            return {column.name: np.zeros(C) for column in self.columns(D)}
        nearest = cKDTree(groups.places).query(groups.places, k=min(self.k + 1, C))[0][:, 1:]
        values = {NEIGHBOUR_DISTANCE: nearest[:, 0], NEIGHBOUR_DISTANCE_MEAN: nearest.mean(axis=1)}
        room = _field_of_view(groups)
        for radius in self.radii_nm:
            within = neighbours_within(groups.places, radius)
            values[_column_name(CLUSTER_DENSITY, radius)] = within / ball(radius, D)
            values[_column_name(RIPLEY_L, radius)] = (within / (C - 1) * room / ball(1.0, D)) ** (1 / D)
        return values


def _column_name(kind: str, radius: float) -> str:
    return f"{kind}_{radius:g}nm"


def _field_of_view(groups: Groups) -> float:
    """Return the area in nm^2 or volume in nm^3 of the convex hull of all localisations."""
    positions = groups.positions
    whole = Groups.from_labels(positions, np.zeros(len(positions), dtype=np.int64))
    return float(hulls(whole)[1][0])


SPACING_MEAN: Final = "spacing_mean"
SPACING_MEDIAN: Final = "spacing_median"

_FEW: Final = 200  # localisations up to which all pairs are quicker than a tree


class Spacing:
    """Distance from each localisation to the nearest other one of its cluster.

    With d_i that distance, ``spacing_mean`` = sum d_i / n and ``spacing_median`` is the median of the d_i, both in nm
    (Clark and Evans 1954, 10.2307/1931034, for the mean). Distances are exact.

    Coincident localisations, and a single one, which has no other: 0.
    """

    needs: tuple[str, ...] = ()

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """Return the columns in 2 or 3 dimensions."""
        what = "distance to the nearest localisation of the same cluster"
        return (
            Column(SPACING_MEAN, pl.Float64, "nm", f"mean {what}", LOG),
            Column(SPACING_MEDIAN, pl.Float64, "nm", f"median {what}", LOG),
        )

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measure all clusters at once."""
        distances = groups.once(nearest_distances)
        return {SPACING_MEAN: groups.means(distances), SPACING_MEDIAN: groups.medians(distances)}


def nearest_distances(groups: Groups) -> np.ndarray:
    """Return the distance from each localisation to the nearest other one of its cluster; call by :meth:`Groups.once`.

    Args:
        groups: N localisations of C clusters.

    Returns:
        Distances (N,) float64 nm, sorted by cluster; 0 where there is no other.
    """
    few = groups.counts <= _FEW
    distances = _by_all_pairs(groups.centred, groups.offsets, few)
    many = groups.repeat(~few)
    if many.any():
        distances[many] = _by_tree(groups.centred[many], groups.clusters[many])
    return distances


@numba.njit(cache=True)
def _by_all_pairs(points: np.ndarray, offsets: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return the nearest distances (N,) within the chosen clusters (C,) bool, and 0 in the others."""
    squares = np.full(points.shape[0], np.inf)
    for cluster in np.flatnonzero(chosen):
        for i in range(offsets[cluster], offsets[cluster + 1]):
            for j in range(i + 1, offsets[cluster + 1]):
                square = 0.0
                for axis in range(points.shape[1]):
                    square += (points[i, axis] - points[j, axis]) ** 2
                squares[i] = min(squares[i], square)
                squares[j] = min(squares[j], square)
    return np.where(np.isfinite(squares), np.sqrt(squares), 0.0)


def _by_tree(points: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Return the nearest distances (N,) of points (N, D) within their clusters (N,), each of at least two."""
    reach = 2 * np.abs(points).sum(axis=1).max() + 1.0  # more than the diameter of any cluster
    # each cluster is lifted to a height of its own, so far from the others that one k-d tree serves them all
    lifted = np.column_stack([points, clusters * (2 * reach)])
    # many points at one place would make the tree slow
    order = np.lexsort(lifted.T)
    new = np.r_[True, np.any(lifted[order[1:]] != lifted[order[:-1]], axis=1)]
    places = lifted[order[new]]
    alone = np.diff(np.r_[np.flatnonzero(new), len(order)]) == 1
    nearest = np.zeros(len(places))
    if alone.any():
        nearest[alone] = cKDTree(places).query(places[alone], k=[2], distance_upper_bound=reach)[0][:, 0]
    distances = np.empty(len(points))
    distances[order] = nearest[np.cumsum(new) - 1]
    return distances


_AT_MOST: Final = 1 + 1e-9  # a distance equal to the radius counts, whatever its rounding


def neighbours_within(positions: np.ndarray, radius: float) -> np.ndarray:
    """Count the other points at most ``radius`` away from each point.

    Args:
        positions: Positions (N, D) nm.
        radius: Radius in nm; points at this distance count.

    Returns:
        Counts (N,) int64, the point itself left out.
    """
    counts = np.zeros(len(positions), dtype=np.int64)
    if len(positions):
        tree = build_tree(np.ascontiguousarray(positions), LEAF)
        counts[tree.order] = _count_within(tree, np.ascontiguousarray(tree.points.T), (radius * _AT_MOST) ** 2) - 1
    return counts


@numba.njit(cache=True)
def _count_within(tree: Tree, columns: np.ndarray, limit: float) -> np.ndarray:
    """Count the points, the point itself too, at most a squared distance away from each point (N,).

    The points of a leaf ask together. Nodes out of their reach are left alone, and nodes within it add their size, so
    that only points near the edge of the ball around a leaf are looked at one by one.
    """
    counts = np.zeros(columns.shape[1], dtype=np.int64)
    leaves = len(tree.starts) // 2
    stack, squares = np.empty(64, dtype=np.int64), np.empty(LEAF)
    for leaf in range(leaves, 2 * leaves):
        start, stop = tree.starts[leaf], tree.stops[leaf]
        stack[0], depth = 1, 1
        while depth > 0:
            depth -= 1
            node = stack[depth]
            least, most = _between_boxes(tree.low, tree.high, leaf, node)
            if most <= limit:
                counts[start:stop] += tree.stops[node] - tree.starts[node]
            elif least <= limit and node < leaves:
                stack[depth], stack[depth + 1] = 2 * node, 2 * node + 1
                depth += 2
            elif least <= limit:
                span = (tree.starts[node], tree.stops[node])
                for i in range(start, stop):
                    counts[i] += _count_of_leaf(columns, i, span, limit, squares)
    return counts


@numba.njit(cache=True)
def _between_boxes(low: np.ndarray, high: np.ndarray, a: int, b: int) -> tuple[float, float]:
    """Return bounds of the squared distances between points of two boxes, rounded as these are."""
    least, most = 0.0, 0.0
    for axis in range(low.shape[1]):
        apart = max(low[b, axis] - high[a, axis], low[a, axis] - high[b, axis], 0.0)
        across = max(high[b, axis] - low[a, axis], high[a, axis] - low[b, axis])
        least += apart * apart
        most += across * across
    return least, most


@numba.njit(cache=True)
def _count_of_leaf(columns: np.ndarray, i: int, span: tuple[int, int], limit: float, squares: np.ndarray) -> int:
    """Count the points of a leaf at most a squared distance away from one point; ``squares`` is room to work in."""
    start, stop = span
    squares[:] = 0.0
    for axis in range(columns.shape[0]):
        for j in range(start, stop):
            step = columns[axis, j] - columns[axis, i]
            squares[j - start] += step * step
    count = 0
    for j in range(stop - start):
        count += squares[j] <= limit
    return count


def ball(radius: float, dimensions: int) -> float:
    """Return the area of a disc in nm^2 (2D), or volume of a ball in nm^3 (3D), of the given radius in nm."""
    return np.pi * radius**2 if dimensions == 2 else 4 / 3 * np.pi * radius**3
