"""Extent of a field of view along its principal axes."""

from __future__ import annotations

import numpy as np
import polars as pl

from locgraph.schema import Column


class Covariance:
    """Standard deviations of the localisations along their principal axes, largest first.

    They are the square roots of the eigenvalues of the covariance, so lengths in nm; 0 where there is one place alone.
    """

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """What it gives in 2 or 3 dimensions."""
        meaning = "standard deviation along a principal axis, largest first"
        return tuple(Column(f"deviation_{index}", pl.Float32, "nm", meaning) for index in range(dimensions))

    def compute(self, points: np.ndarray) -> np.ndarray:
        """Positions (N, D) float64 nm about their mean to (D,) float64 nm."""
        return principal_deviations(points)


def principal_deviations(points: np.ndarray) -> np.ndarray:
    """Standard deviations along the principal axes, largest first: (N, D) to (D,), in the unit of the points."""
    centred = points - points.mean(axis=0)
    covariance = centred.T @ centred / len(centred)
    return np.sqrt(np.clip(np.linalg.eigvalsh(covariance)[::-1], 0.0, None))
