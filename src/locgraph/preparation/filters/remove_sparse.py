"""Background removal by density: localisations with few others around them are taken out."""

from __future__ import annotations

import itertools
from typing import Any

import numba
import numpy as np
import polars as pl

from locgraph import schema
from locgraph.preparation.filters.base import cell_indices, positions
from locgraph.settings import check_length, check_whole


class RemoveSparse:
    """Filter that keeps the localisations that have enough others of their channel around them.

    The density filter of ThunderSTORM (Ovesny et al. 2014, 10.1093/bioinformatics/btu202), per channel. All are counted
    before any is taken out, so the result does not depend on the order of the rows; exact, in 2D and 3D.

    Args:
        radius_nm: Radius of the neighbourhood in nm; a distance of exactly this counts. Larger keeps more.
        min_neighbours: Others within the radius that keep a localisation, itself not counted. Larger takes more out.

    Raises:
        ConfigError: A setting is out of range.
    """

    needs: tuple[str, ...] = ()

    def __init__(self, radius_nm: float, min_neighbours: int) -> None:
        self.radius_nm = check_length("radius_nm", radius_nm)
        self.min_neighbours = check_whole("min_neighbours", min_neighbours, at_least=1)

    def __call__(self, table: pl.DataFrame, dimensions: int) -> pl.DataFrame:
        """Return the localisations in dense places."""
        points = positions(table, dimensions)
        if schema.CHANNEL not in table.columns:
            return table.filter(self._dense(points))
        channels = table[schema.CHANNEL].to_numpy()
        kept = np.zeros(len(points), dtype=np.bool_)
        for channel in np.unique(channels):
            rows = np.flatnonzero(channels == channel)
            kept[rows] = self._dense(points[rows])
        return table.filter(kept)

    def _dense(self, points: np.ndarray) -> np.ndarray:
        """Return which points have enough neighbours (N,) bool."""
        return has_within(points, self.radius_nm, self.min_neighbours + 1)


def has_within(points: np.ndarray, radius: float, enough: int) -> np.ndarray:
    """Return which points have at least ``enough`` points within ``radius``, themselves among them.

    Args:
        points: Positions (N, D) float64 nm, N at least 1, D is 2 or 3.
        radius: In nm; a distance of exactly this counts.
        enough: At least 1.

    Returns:
        (N,) bool.
    """
    cells = cell_indices(points, radius)
    order = np.lexsort(cells.T[::-1])
    cells, ordered = cells[order], points[order]
    starts = np.flatnonzero(np.r_[True, (cells[1:] != cells[:-1]).any(axis=1)])
    # the cell's own run first: in dense places it is enough
    steps = sorted(itertools.product((-1, 0, 1), repeat=points.shape[1] - 1), key=lambda step: np.abs(step).sum())
    bounds = np.r_[starts, len(points)]
    counts = _count(ordered, np.ascontiguousarray(cells[starts]), bounds, np.array(steps), radius**2, enough)
    kept = np.empty(len(points), dtype=np.bool_)
    kept[order] = counts >= enough
    return kept


@numba.njit(cache=True)
def _compare(cell: np.ndarray, centre: np.ndarray, step: np.ndarray, last: int) -> int:  # pragma: no cover (compiled)
    """Return the sign of ``cell`` against ``centre`` moved by ``step``, and by ``last`` along the last axis."""
    for axis in range(len(step)):
        difference = cell[axis] - centre[axis] - step[axis]
        if difference != 0:
            return difference
    return cell[-1] - centre[-1] - last


@numba.njit(cache=True)
def _count(
    points: np.ndarray, cells: np.ndarray, bounds: np.ndarray, steps: np.ndarray, limit: float, enough: int
) -> Any:  # pragma: no cover (compiled)
    """Return the number of points within reach of each (N,) int64, counted up to ``enough``."""
    counts = np.zeros(len(points), dtype=np.int64)
    for run in range(len(steps)):
        begin = end = 0
        for cell in range(len(cells)):
            while begin < len(cells) and _compare(cells[begin], cells[cell], steps[run], -1) < 0:
                begin += 1
            end = max(begin, end)
            while end < len(cells) and _compare(cells[end], cells[cell], steps[run], 1) <= 0:
                end += 1
            for i in range(bounds[cell], bounds[cell + 1]):
                for j in range(bounds[begin], bounds[end]):
                    if counts[i] >= enough:
                        break
                    squared = 0.0
                    for axis in range(points.shape[1]):
                        squared += (points[i, axis] - points[j, axis]) ** 2
                    if squared <= limit:
                        counts[i] += 1
    return counts
