"""Agreement of raters who give each unit one of several classes, with intervals over the owners of units."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from sklearn.metrics import cohen_kappa_score

from locgraph.stats.bootstrap import drawn_sums, few_owners, percentile_interval, ratio_interval
from locgraph.stats.intervals import LEVEL, Interval
from locgraph.stats.pooled import FEWEST_GROUPS

MISSING: Final = -1
"""Code of a unit that a rater gave no class."""

ONE_CLASS: Final = "all values are of one class, so that none could have differed by chance"
NO_PAIR: Final = "no unit has values of two raters"


def krippendorff_alpha(
    codes: np.ndarray, owners: np.ndarray, seed: int = 0, repeats: np.ndarray | None = None
) -> Interval | str:
    """Return Krippendorff's alpha of nominal values, with the interval of the bootstrap over owners.

    1 - observed over expected disagreement: 1 where all agree, 0 by chance, below where they agree less than that. Any
    number of raters, and missing values, are allowed; a unit with one value does not count. With n_uc values of class c
    in unit u, of n_u in all, and n_c and n over all units, the coincidences of equal classes are
    sum_u sum_c n_uc (n_uc - 1) / (n_u - 1), and those expected sum_c n_c (n_c - 1) / (n - 1). Source: Krippendorff
    (2011), Computing Krippendorff's alpha-reliability, https://repository.upenn.edu/asc_papers/43. The bootstrap draws
    owners, as Zapf et al. (2016, 10.1186/s12874-016-0200-9) draw units.

    Args:
        codes: Class of each unit by each rater (R, N) int64, `MISSING` where there is none.
        owners: (N,) names of what is independent of others, such as the FOV or the patient of a unit.
        seed: Of the draws.
        repeats: (N,) how many units have these values; None where each stands for itself.

    Returns:
        Alpha with its 95 % percentile interval; or why there is none.
    """
    paired = (codes != MISSING).sum(axis=0) >= 2
    codes, owners = codes[:, paired], owners[paired]
    if not codes.size:
        return NO_PAIR
    weights = np.ones(len(owners)) if repeats is None else repeats[paired]
    counts = np.stack([(codes == value).sum(axis=0) for value in np.unique(codes[codes != MISSING])])  # (K, N)
    equal = (counts * (counts - 1)).sum(axis=0) / (counts.sum(axis=0) - 1)
    if len(counts) < 2:
        return ONE_CLASS
    names, places = np.unique(owners, return_inverse=True)
    sums = np.stack([np.bincount(places, row * weights, len(names)) for row in (equal, *counts)])
    estimate = float(_alpha(sums.sum(axis=1, keepdims=True))[0])
    return _with_interval(estimate, sums, seed, _alpha)


def _alpha(sums: np.ndarray) -> np.ndarray:
    """Return alpha (B,) from coincidences of equal classes and numbers of each class (1 + K, B); NaN of one class."""
    equal, totals = sums[0], sums[1:]
    n = totals.sum(axis=0)
    expected = n * (n - 1) - (totals * (totals - 1)).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 0, 1 - (n - equal) * (n - 1) / expected, np.nan)


def cohen_kappa(first: np.ndarray, second: np.ndarray, owners: np.ndarray, seed: int = 0) -> Interval | str:
    """Return Cohen's kappa of two raters (1960, 10.1177/001316446002000104), with the bootstrap over owners.

    Args:
        first: Class of each unit (N,) int64, `MISSING` where there is none.
        second: The same of the other rater (N,).
        owners: (N,) names of what is independent of others.
        seed: Of the draws.

    Returns:
        Kappa of the units that both gave a class, with its 95 % percentile interval; or why there is none.
    """
    both = (first != MISSING) & (second != MISSING)
    first, second, owners = first[both], second[both], owners[both]
    if not len(first):
        return NO_PAIR
    values = np.unique(np.concatenate([first, second]))
    if len(values) < 2:
        return ONE_CLASS
    names, places = np.unique(owners, return_inverse=True)
    rows = [first == value for value in values] + [second == value for value in values]
    sums = np.stack([np.bincount(places, row, len(names)) for row in (first == second, *rows)])
    return _with_interval(float(cohen_kappa_score(first, second)), sums, seed, _kappa)


def _kappa(sums: np.ndarray) -> np.ndarray:
    """Return kappa (B,) from equal classes and numbers of each class by both raters (1 + 2K, B); NaN of one class."""
    equal, first, second = sums[0], *np.split(sums[1:], 2)
    n = first.sum(axis=0)
    chance = (first * second).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(n * n > chance, (n * equal - chance) / (n * n - chance), np.nan)


def percent_agreement(first: np.ndarray, second: np.ndarray, owners: np.ndarray, seed: int = 0) -> Interval | str:
    """Return the fraction of the units with a class by both raters to which they gave the same; see `cohen_kappa`."""
    both = (first != MISSING) & (second != MISSING)
    if not both.any():
        return NO_PAIR
    return ratio_interval((first == second)[both].astype(np.float64), np.ones(int(both.sum())), owners[both], seed)


def _with_interval(
    estimate: float, sums: np.ndarray, seed: int, measure: Callable[[np.ndarray], np.ndarray]
) -> Interval:
    """Return an estimate with the interval of a measure of sums (S, n) over n owners."""
    n = sums.shape[1]
    if n < FEWEST_GROUPS:
        return Interval(estimate, None, None, few_owners(n))
    draws = measure(drawn_sums(sums, seed))
    defined = np.isfinite(draws)
    if defined.mean() < LEVEL:
        # the others alone would make a rare class look certain
        return Interval(estimate, None, None, f"{1 - defined.mean():.0%} of the bootstrap samples hold one class alone")
    return percentile_interval(estimate, draws[defined])
