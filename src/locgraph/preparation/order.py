"""The order of localisations that all draws follow: from the centre of the FOV outwards, whatever the file's order."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from locgraph import schema

_RESOLUTION: Final = 2.0**-30  # of the largest distance from the centre: closer ones count as equal

_STEP: Final = "distance from the centre"


def order_points(points: np.ndarray) -> np.ndarray:
    """Return the rows of points, sorted by their distance from their mean; equally far ones by their coordinates.

    The order of the input does not matter. Shifting, rotating or reflecting the points leaves the order as it is, but
    for points whose distances differ by no more than the rounding of their coordinates.

    Args:
        points: Positions (N, D) float64 nm, finite.

    Returns:
        Rows (N,) int64.
    """
    steps = _distance_steps(points)
    order = np.argsort(steps, kind="stable")
    tied = _tied(steps[order])
    if tied.any():
        rows = order[tied]
        order[tied] = rows[np.lexsort((*points[rows].T[::-1], steps[rows]))]
    return order


def order_localisations(table: pl.DataFrame, dimensions: int) -> np.ndarray:
    """Return the rows of a table as `order_points` does; equally far ones by their other columns, then by position.

    Args:
        table: Localisations in nm.
        dimensions: 2, or 3 where the table holds ``z``.

    Returns:
        Rows (N,) int64. Only rows that are equal in every column keep the order of the input.
    """
    axes = schema.position_columns(dimensions)
    steps = _distance_steps(np.ascontiguousarray(table.select(axes).to_numpy(), dtype=np.float64))
    order = np.argsort(steps, kind="stable")
    tied = _tied(steps[order])
    if not tied.any():
        return order
    rows = order[tied]
    others = sorted(name for name in table.columns if name not in axes)
    among = table[rows].with_columns(pl.Series(_STEP, steps[rows], pl.Int64))
    order[tied] = rows[among.select(pl.arg_sort_by(_STEP, *others, *axes)).to_series().to_numpy()]
    return order


def centre_on_mean(points: np.ndarray) -> np.ndarray:
    """Return positions (N, D) float64 about their mean, which does not depend on the order of the rows."""
    if len(points) == 0:
        return points.copy()
    from_corner = points - points.min(axis=0)  # exact for whole nanometres, however far from the origin
    return from_corner - np.sort(from_corner, axis=0).mean(axis=0)


def _distance_steps(points: np.ndarray) -> np.ndarray:
    """Return the distances from the mean (N,) int64, in steps of a part of the largest."""
    centred = centre_on_mean(points)
    distances = np.sqrt(np.einsum("ij,ij->i", centred, centred))
    largest = distances.max(initial=0.0)
    return np.rint(distances / ((largest or 1.0) * _RESOLUTION)).astype(np.int64)


def _tied(ranked: np.ndarray) -> np.ndarray:
    """Return which of sorted values (N,) occur more than once (N,) bool."""
    equal = ranked[1:] == ranked[:-1]
    return np.append(False, equal)[: len(ranked)] | np.append(equal, False)[: len(ranked)]
