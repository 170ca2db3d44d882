"""Bootstrap intervals of means and of ratios of sums, over the independent owners of values."""

from __future__ import annotations

from typing import Final

import numpy as np

from locgraph.stats.intervals import LEVEL, Interval
from locgraph.stats.pooled import FEWEST_GROUPS

DRAWS: Final = 1000
_CHUNK: Final = 4_000_000  # numbers in memory at once


def draw_weights(n: int, draws: int, seed: int) -> np.ndarray:
    """Return how often each of ``n`` owners is drawn in each bootstrap sample, (draws, n) float64."""
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float64)


def ratio_interval(numerators: np.ndarray, denominators: np.ndarray, owners: np.ndarray, seed: int = 0) -> Interval:
    """Return a ratio of sums with the interval of the bootstrap over owners (Efron 1979, 10.1214/aos/1176344552).

    Owners are drawn, never single values, since those of one owner (a patient, a FOV) are not independent. With
    denominators of 1 the ratio is a mean.

    Args:
        numerators: (N,) float64, at least one.
        denominators: (N,) float64, not negative, with a positive sum.
        owners: (N,) names.
        seed: Of the draws.

    Returns:
        The ratio and its 95 % percentile interval; none with fewer than `FEWEST_GROUPS` owners.
    """
    estimate = float(numerators.sum() / denominators.sum())
    n, places = _count(owners)
    if n < FEWEST_GROUPS:
        return Interval(estimate, None, None, few_owners(n))
    upper, lower = np.bincount(places, numerators, n), np.bincount(places, denominators, n)
    ratios: list[np.ndarray] = []
    rows = max(1, _CHUNK // n)
    for start in range(0, DRAWS, rows):
        weights = draw_weights(n, min(rows, DRAWS - start), seed + start)
        below = weights @ lower
        ratios.append((weights @ upper)[below > 0] / below[below > 0])
    return percentile_interval(estimate, np.concatenate(ratios))


def mean_of_owners(values: np.ndarray, owners: np.ndarray, seed: int = 0) -> Interval:
    """Return the mean of values (N,) with the interval of the bootstrap over their owners (N,)."""
    return ratio_interval(values, np.ones(len(values)), owners, seed)


def percentile_interval(estimate: float, draws: np.ndarray) -> Interval:
    """Return an estimate with the 95 % percentile interval of bootstrap draws (B,), which holds the estimate."""
    low, high = np.quantile(draws, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
    return Interval(estimate, min(float(low), estimate), max(float(high), estimate))


def few_owners(number: int) -> str:
    """Return why there is no interval with so few independent owners."""
    return f"only {number} independent units or groups: an interval needs at least {FEWEST_GROUPS}"


def _count(owners: np.ndarray) -> tuple[int, np.ndarray]:
    names, places = np.unique(owners, return_inverse=True)
    return len(names), places
