"""Units that stand for points of the space: the nearest ones, each used once."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist


def nearest_members(points: np.ndarray, values: np.ndarray, per_point: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return the units nearest to points, none of them twice, with the least sum of distances.

    Args:
        points: (S, F) float64.
        values: (N, F) float64, of the units.
        per_point: Units for each point; fewer where there are too few units for all points.

    Returns:
        Rows (S, P) int64 of the units, the nearest first, and their distances (S, P) float64. P is ``per_point`` or
        less, and 0 where there are fewer units than points.
    """
    per_point = min(per_point, len(values) // len(points))
    if per_point == 0:
        return np.empty((len(points), 0), dtype=np.int64), np.empty((len(points), 0))
    distances = cdist(points, values)
    # no better choice holds a unit that is beyond the S * P nearest of each point
    wanted = len(points) * per_point
    candidates = np.unique(np.argsort(distances, axis=1, kind="stable")[:, :wanted])
    cost = np.repeat(distances[:, candidates], per_point, axis=0)
    _, chosen = linear_sum_assignment(cost)
    rows = candidates[chosen].reshape(len(points), per_point)
    own = np.take_along_axis(distances, rows, axis=1)
    order = np.argsort(own, axis=1, kind="stable")
    return np.take_along_axis(rows, order, axis=1), np.take_along_axis(own, order, axis=1)
