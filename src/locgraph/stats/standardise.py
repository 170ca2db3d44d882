"""Columns on one scale, and their principal components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from sklearn.decomposition import PCA

_TALL: Final = 50
"""Rows for each column from which a table is tall."""


def varies(values: np.ndarray) -> np.ndarray:
    """Return which columns of (N, F) float64 differ by more than rounding, as (F,) bool; NaN does not count."""
    low = np.where(np.isnan(values), np.inf, values).min(axis=0, initial=np.inf)
    high = np.where(np.isnan(values), -np.inf, values).max(axis=0, initial=-np.inf)
    # the sum of rounding errors of a mean over equal numbers; relative, since density may be 1e-6 throughout
    size = np.maximum(np.abs(low), np.abs(high))
    return np.isfinite(low) & (high - low > 1e-12 * np.where(np.isfinite(size), size, 0.0))


def standardise(values: np.ndarray) -> np.ndarray | None:
    """Return a column with mean 0 and standard deviation 1 (divisor N).

    Args:
        values: (N,) float64, at least one.

    Returns:
        (N,) float64; None where the values are equal but for rounding.
    """
    deviation = values.std()
    if deviation <= 1e-12 * np.abs(values).max():
        return None
    return np.asarray((values - values.mean()) / deviation)


@dataclass(frozen=True)
class Components:
    """Principal components of standardised columns.

    Attributes:
        scores: Coordinates of the rows (N, K) float64.
        explained: Fraction of the variance along each component (K,) float64.
        loadings: Correlation of each column with each component (F, K) float64.
    """

    scores: np.ndarray
    explained: np.ndarray
    loadings: np.ndarray


def principal_components(values: np.ndarray, n_components: int = 10) -> Components:
    """Return principal components (Hotelling 1933, 10.1037/h0071325), the strongest first.

    The sign of a component is free; here the column with the largest loading has a positive one.

    Args:
        values: Standardised columns (N, F) float64, N at least 2, F at least 1.
        n_components: Upper limit of the number of components K, at least 1.
    """
    n = len(values)
    # of many rows the covariance is decomposed, which is as exact for the strongest and much faster
    solver = "covariance_eigh" if n >= _TALL * values.shape[1] else "full"
    fitted = PCA(min(n_components, values.shape[1], n - 1), svd_solver=solver).fit(values)
    directions = fitted.components_
    strongest = np.abs(directions).argmax(axis=1)
    signs = np.where(directions[np.arange(len(directions)), strongest] < 0, -1.0, 1.0)
    return Components(
        scores=fitted.transform(values) * signs,
        explained=fitted.explained_variance_ratio_,
        loadings=(directions.T * signs) * fitted.singular_values_ / np.sqrt(n),
    )
