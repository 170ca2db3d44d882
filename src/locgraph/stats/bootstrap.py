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
    above, below = drawn_sums(np.stack([upper, lower]), seed)
    return percentile_interval(estimate, above[below > 0] / below[below > 0])


def difference_interval(
    values: np.ndarray, first: np.ndarray, second: np.ndarray, owners: np.ndarray, seed: int = 0
) -> Interval:
    """Return the mean of some values less that of others with the interval of the bootstrap over owners.

    Owners are drawn whole: where one owns values of both kinds, as a patient before and after, they stay together.

    Args:
        values: (N,) float64.
        first: (N,) bool, at least one; and those whose mean is taken off, ``second``, none of which is in ``first``.
        second: (N,) bool, at least one.
        owners: (N,) names.
        seed: Of the draws.

    Returns:
        The difference and its 95 % percentile interval; none where either has fewer than `FEWEST_GROUPS` owners.
    """
    estimate = float(values[first].mean() - values[second].mean())
    fewest = min(len(np.unique(owners[rows])) for rows in (first, second))
    if fewest < FEWEST_GROUPS:
        return Interval(estimate, None, None, few_owners(fewest))
    n, places = _count(owners[first | second])
    both, own = values[first | second], first[first | second]
    sums = [np.bincount(places, weights, n) for rows in (own, ~own) for weights in (both * rows, rows.astype(float))]
    one, ones, other, others = drawn_sums(np.stack(sums), seed)
    full = (ones > 0) & (others > 0)
    return percentile_interval(estimate, one[full] / ones[full] - other[full] / others[full])


def drawn_sums(sums: np.ndarray, seed: int) -> np.ndarray:
    """Return the total (S, `DRAWS`) float64 of what each of n owners adds, (S, n), in each bootstrap sample."""
    n = sums.shape[1]
    rows = max(1, _CHUNK // n)
    drawn = [sums @ draw_weights(n, min(rows, DRAWS - i), seed + i).T for i in range(0, DRAWS, rows)]
    return np.concatenate(drawn, axis=1)


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
