"""Learning curves as power laws: error = a n^-b + c, and how many fields of view (FOVs) an error takes."""

from __future__ import annotations

from typing import Final

import numpy as np

from locgraph.errors import DataError

FEWEST_SIZES: Final = 4
"""Of fewer training sizes three parameters are not determined."""

_EXPONENTS: Final = np.geomspace(0.05, 2.0, 150)


def fit_power_laws(sizes: np.ndarray, errors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Fit error = a n^-b + c with a >= 0, 0.05 <= b <= 2 and 0 <= c to one or many curves, by weighted least squares.

    The form is that of Cortes et al. 1993 (Advances in Neural Information Processing Systems 6:327); Viering and Loog
    2022 (10.1109/TPAMI.2022.3220744) review it. For each b the best a and c follow in closed form; b is searched on a
    grid, so that no start has to be chosen and every fit is the best one.

    Args:
        sizes: (S,) numbers of training FOVs, at least `FEWEST_SIZES` different ones, above 0.
        errors: (D, S) float64, one curve in each row.
        weights: (S,) float64, above 0: inverse variances.

    Returns:
        (D, 3) float64: a, b and c of each curve.

    Raises:
        DataError: There are fewer sizes.
    """
    if len(np.unique(sizes)) < FEWEST_SIZES:
        raise DataError(f"a power law needs at least {FEWEST_SIZES} training sizes, found {np.unique(sizes).tolist()}")
    best = np.full(len(errors), np.inf)
    laws = np.zeros((len(errors), 3))
    for exponent in _EXPONENTS:
        a, c = _non_negative_line(np.asarray(sizes, dtype=np.float64) ** -exponent, errors, weights)
        residuals = errors - a[:, None] * sizes**-exponent - c[:, None]
        loss = (weights * residuals**2).sum(axis=1)
        better = loss < best - 1e-15
        best[better] = loss[better]
        laws[better] = np.stack([a, np.full(len(a), exponent), c], axis=1)[better]
    return laws


def law_errors(laws: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the errors (D, S) of laws (D, 3) at sizes (S,), at most 1."""
    a, b, c = (laws[:, place, None] for place in range(3))
    return np.minimum(a * np.asarray(sizes, dtype=np.float64) ** -b + c, 1.0)


def needed_sizes(laws: np.ndarray, error: float) -> np.ndarray:
    """Return how many training FOVs (D,) laws (D, 3) need for an error; infinite where they never reach it."""
    a, b, c = laws.T
    left = error - c
    reached = left > 0
    with np.errstate(over="ignore"):
        return np.where(reached, (a / np.where(reached, left, 1.0)) ** (1 / b), np.inf)


def _non_negative_line(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the slope a >= 0 and intercept c >= 0 (D,) of y (D, S) over x (S,) by weighted least squares."""
    total = weights.sum()
    mean_x, mean_y = (weights * x).sum() / total, y @ weights / total
    spread = (weights * (x - mean_x) ** 2).sum()
    a = (y - mean_y[:, None]) @ (weights * (x - mean_x)) / spread
    c = mean_y - a * mean_x
    through_zero = np.maximum(y @ (weights * x) / (weights * x**2).sum(), 0.0)
    a, c = np.where(c < 0, through_zero, a), np.maximum(c, 0.0)
    return np.maximum(a, 0.0), np.where(a < 0, np.maximum(mean_y, 0.0), c)
