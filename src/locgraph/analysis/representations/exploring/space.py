"""The space in which vectors of units are explored: those columns that vary, centred, on one scale if asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from locgraph.errors import DataError
from locgraph.stats.standardise import varies

LEAST_UNITS: Final = 3
"""Of fewer units there is no direction in which they vary."""


@dataclass(frozen=True)
class Space:
    """Units as points.

    Attributes:
        values: (N, F) float64, columns with mean 0.
        kept: (L,) bool, columns of the vectors that vary; F of them.
        mean: (L,) float64, of the vectors.
        scale: (F,) float64, what each column was divided by.
    """

    values: np.ndarray
    kept: np.ndarray
    mean: np.ndarray
    scale: np.ndarray

    def vectors(self, points: np.ndarray) -> np.ndarray:
        """Return the vectors (S, L) of points (S, F): columns that do not vary have the value that they have."""
        full = np.tile(self.mean, (len(points), 1))
        full[:, self.kept] += points * self.scale
        return full


def make_space(vectors: np.ndarray, standardise: bool) -> Space:
    """Return the space of vectors.

    Args:
        vectors: (N, L) float64, finite.
        standardise: Whether every column gets standard deviation 1, as columns with different units need.

    Raises:
        DataError: There are fewer than `LEAST_UNITS` units, or all vectors are equal.
    """
    if len(vectors) < LEAST_UNITS:
        raise DataError(f"expected at least {LEAST_UNITS} units to explore, found {len(vectors)}")
    kept = varies(vectors)
    if not kept.any():
        raise DataError(f"expected vectors that differ, found {len(vectors)} equal ones: nothing varies")
    mean = vectors.mean(axis=0)
    values = (vectors - mean)[:, kept]
    scale = values.std(axis=0) if standardise else np.ones(values.shape[1])
    return Space(values / scale, kept, mean, scale)
