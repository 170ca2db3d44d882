"""Gap between clusters: the smallest distance between a localisation of one and one of another."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import polars as pl
from scipy.spatial import cKDTree

from locgraph.preparation.features.base import Groups
from locgraph.schema import LOG1P, Column

GAP: Final = "gap"


class Gap:
    """Distance to the nearest other cluster, between the localisations of both that are nearest to each other.

    ``gap`` is in nm, exact for the localisations: of points that are drawn on surfaces it is too large by up to about
    their spacing. It is 0 where two clusters share a place. A cluster alone: 0.
    """

    needs: tuple[str, ...] = ()

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """Return the columns in 2 or 3 dimensions."""
        return (Column(GAP, pl.Float64, "nm", "distance to the nearest localisation of another cluster", LOG1P),)

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measure all clusters at once."""
        C = len(groups.counts)
        if C < 2:
            return {GAP: np.zeros(C)}
        points = groups.positions
        low = np.minimum.reduceat(points, groups.offsets[:-1])
        high = np.maximum.reduceat(points, groups.offsets[:-1])
        near = cKDTree(groups.places).query(groups.places, k=2)[1]
        partner = np.where(near[:, 0] == np.arange(C), near[:, 1], near[:, 0])
        order = np.argsort(low[:, 0], kind="stable")
        reach = np.maximum.accumulate(high[order, 0])
        return {GAP: np.sqrt(_squared_gaps(points, groups.offsets, low, high, partner, order, reach))}


@numba.njit(cache=True)
def _squared_gaps(
    points: np.ndarray,
    offsets: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    partner: np.ndarray,
    order: np.ndarray,
    reach: np.ndarray,
) -> np.ndarray:
    """Return the squared gap of each cluster (C,).

    Clusters are visited along x. The distance to ``partner``, one that is near, comes first, so that boxes and points
    that are farther away are passed over without a look at their distances.

    Args:
        points: Positions (N, D) nm, sorted by cluster.
        offsets: First row of each cluster, and N at the end (C + 1,).
        low: Lowest coordinates of each cluster (C, D).
        high: Highest coordinates of each cluster (C, D).
        partner: Another cluster for each (C,).
        order: Clusters, sorted by their lowest x (C,).
        reach: Highest x of the clusters up to each place in ``order`` (C,).
    """
    C = len(low)
    best = np.full(C, np.inf)
    for i in range(C):
        _meet(i, partner[i], points, offsets, low, high, best)
    for place in range(C):
        i = order[place]
        for after in range(place + 1, C):
            step = low[order[after], 0] - high[i, 0]
            if step > 0 and step * step >= best[i]:
                break
            _meet(i, order[after], points, offsets, low, high, best)
        for before in range(place - 1, -1, -1):
            step = low[i, 0] - reach[before]
            if step > 0 and step * step >= best[i]:
                break
            _meet(i, order[before], points, offsets, low, high, best)
    return best


@numba.njit(cache=True)
def _meet(
    i: int,
    j: int,
    points: np.ndarray,
    offsets: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    best: np.ndarray,
) -> None:
    """Lower the squared gaps of cluster ``i``, and of ``j``, to the distance between both."""
    D = points.shape[1]
    apart = 0.0
    for axis in range(D):
        step = max(low[j, axis] - high[i, axis], low[i, axis] - high[j, axis], 0.0)
        apart += step * step
    if apart >= best[i]:
        return
    for row in range(offsets[i], offsets[i + 1]):
        apart = 0.0
        for axis in range(D):
            step = max(low[j, axis] - points[row, axis], points[row, axis] - high[j, axis], 0.0)
            apart += step * step
        if apart >= best[i]:
            continue
        for other in range(offsets[j], offsets[j + 1]):
            squared = 0.0
            for axis in range(D):
                step = points[row, axis] - points[other, axis]
                squared += step * step
            best[i] = min(best[i], squared)
            best[j] = min(best[j], squared)
