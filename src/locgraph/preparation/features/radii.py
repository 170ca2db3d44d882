"""How many points lie within a radius."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.spatial import cKDTree

_AT_MOST: Final = 1 + 1e-9  # a distance equal to the radius counts, whatever its rounding


def neighbours_within(positions: np.ndarray, radius: float) -> np.ndarray:
    """Counts the other points at most ``radius`` away from each point.

    Args:
        positions: Positions (N, D) nm.
        radius: Radius in nm; points at this distance count.

    Returns:
        Counts (N,) int64, the point itself left out.
    """
    if len(positions) == 0:
        return np.zeros(0, dtype=np.int64)
    return cKDTree(positions).query_ball_point(positions, radius * _AT_MOST, return_length=True) - 1


def ball(radius: float, dimensions: int) -> float:
    """Area of a disc in nm^2 (2D), or volume of a ball in nm^3 (3D), of the given radius in nm."""
    return np.pi * radius**2 if dimensions == 2 else 4 / 3 * np.pi * radius**3
