"""How close together the localisations of a cluster lie."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import polars as pl
from scipy.spatial import cKDTree

from locgraph.preparation.features.grouping import Groups
from locgraph.schema import Column

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
        """The columns that it gives in 2 or 3 dimensions."""
        what = "distance to the nearest localisation of the same cluster"
        return (
            Column(SPACING_MEAN, pl.Float64, "nm", f"mean {what}"),
            Column(SPACING_MEDIAN, pl.Float64, "nm", f"median {what}"),
        )

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measures all clusters at once; see :class:`locgraph.preparation.features.base.Feature`."""
        distances = groups.once(nearest_distances)
        return {SPACING_MEAN: groups.means(distances), SPACING_MEDIAN: groups.medians(distances)}


def nearest_distances(groups: Groups) -> np.ndarray:
    """Distance from each localisation to the nearest other one of its cluster; take it by :meth:`Groups.once`.

    Args:
        groups: N localisations of C clusters.

    Returns:
        Distances (N,) float64 nm, sorted by cluster; 0 where there is no other.
    """
    few = groups.counts <= _FEW
    distances = _by_all_pairs(groups.centred, groups.offsets, few)
    many = groups.spread(~few)
    if many.any():
        distances[many] = _by_tree(groups.centred[many], groups.clusters[many])
    return distances


@numba.njit(cache=True)
def _by_all_pairs(points: np.ndarray, offsets: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Nearest distances (N,) within the chosen clusters (C,) bool, and 0 in the others."""
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
    """Nearest distances (N,) of points (N, D) within their clusters (N,), each of at least two."""
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
