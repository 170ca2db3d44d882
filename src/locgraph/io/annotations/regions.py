"""Which positions a drawn region, a brush or a point means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from locgraph.errors import DataError
from locgraph.io.regions.points import Points
from locgraph.schema import annotation as columns

_ANYWHERE_NM: Final = 1e300
"""Farther off than any position that is finite."""


def regions_to_rows(
    positions: np.ndarray, x: Sequence[float], y: Sequence[float], radius: float | None, tool: str
) -> np.ndarray:
    """Return which positions one statement means.

    - Lasso, polygon: those inside, by the rule of `Points.inside`: polygons that share an edge share no position and
      miss none. The last vertex is joined to the first. A hole is a part of the same line, reached by an edge that is
      walked there and back.
    - Brush: those at most ``radius`` from the path.
    - Point, click: the nearest one, if it is at most ``radius`` away; the first of several at the same distance.
    - Import: a brush where there is a radius, else a polygon.

    Args:
        positions: (N, D) nm, D of 2 or 3, of which x and y count; one that is not finite is never meant.
        x: Vertices, path or point (V,) nm.
        y: (V,) nm.
        radius: nm; None where there is none.
        tool: One of ``schema.annotation.TOOLS``.

    Returns:
        (N,) bool.

    Raises:
        DataError: A brush has no radius, or a point is not one point.
    """
    path = np.stack([np.asarray(x, np.float64), np.asarray(y, np.float64)], axis=1)
    chosen = np.zeros(len(positions), dtype=bool)
    if tool in (columns.POINT, columns.CLICK, columns.KEY):
        if len(path) != 1:
            raise DataError(f"expected one point of the tool {tool}; found {len(path)}")
        chosen[nearest_rows(positions, path[0], radius)] = True
        return chosen
    if tool == columns.BRUSH and radius is None:
        raise DataError("expected the radius of a brush; found none")
    of_brush = tool == columns.BRUSH or (tool == columns.IMPORT and radius is not None)
    near = _within_box(positions, path, float(radius or 0.0) if of_brush else 0.0)
    points = Points(*positions[near, :2].T)
    chosen[near[points.near_path(path, float(radius or 0.0)) if of_brush else points.inside(((path,),))]] = True
    return chosen


def nearest_rows(positions: np.ndarray, point: np.ndarray, radius: float | None) -> np.ndarray:
    """Return the row (1,) int64 of the position nearest to a point (2,) nm; none (0,) where all are farther off."""
    near = _within_box(positions, point[None], _ANYWHERE_NM if radius is None else radius)
    if not len(near):
        return near
    distances = np.hypot(positions[near, 0] - point[0], positions[near, 1] - point[1])
    nearest = int(np.argmin(distances))
    return near[nearest : nearest + 1] if radius is None or distances[nearest] <= radius else near[:0]


def _within_box(positions: np.ndarray, path: np.ndarray, margin: float) -> np.ndarray:
    """Return the rows (R,) int64 of the positions in the box around a path; none that is not finite."""
    margin *= 1 + 1e-9  # rounding must not cut off what is at the radius itself
    low, high = path.min(axis=0) - margin, path.max(axis=0) + margin
    x = positions[:, 0]
    rows = np.flatnonzero((x >= low[0]) & (x <= high[0]))
    y = positions[rows, 1]
    return rows[(y >= low[1]) & (y <= high[1])]
