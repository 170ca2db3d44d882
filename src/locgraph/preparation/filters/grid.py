"""Square cells for searches within a fixed reach: what is within reach of a point lies in its cell or one beside it."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from locgraph import schema

_MARGIN: Final = 1.001  # a cell is larger than the reach, so that rounding moves no pair two cells apart
_MOST_CELLS: Final = 2.0**40  # along an axis: the index is then exact to 2^-12, within the margin


def cell_indices(points: np.ndarray, reach: float) -> np.ndarray:
    """Cell of each point, of side ``reach`` or slightly more.

    Args:
        points: Positions (N, D) nm, finite, N at least 1.
        reach: Above 0, nm. Two points within this distance differ by at most 1 in each index.

    Returns:
        Indices (N, D) int64, from 0.
    """
    low = points.min(axis=0)
    extent = float((points.max(axis=0) - low).max())
    side = max(reach * _MARGIN, extent / _MOST_CELLS)
    return ((points - low) / side).astype(np.int64)


def positions(table: pl.DataFrame, dimensions: int) -> np.ndarray:
    """Positions (N, D) float64 nm of localisations, contiguous."""
    return np.ascontiguousarray(table.select(schema.position_columns(dimensions)).to_numpy(), dtype=np.float64)
