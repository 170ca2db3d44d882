"""Tests of two methods on the same folds and the same fields of view (FOVs), and how likely they are alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import ndtr, stdtr

from locgraph.errors import ConfigError, DataError
from locgraph.stats.tests import TestResult

_ROUNDING: Final = 1e-12
_FINEST_GRID: Final = 1000
_COARSE_GRIDS: Final = 60
_MOST_STEPS: Final = 2e7
"""Additions that an exact test may take, a fraction of a second; with more discordant FOVs the normal law is exact."""


def corrected_t_test(differences: Sequence[float], overlap: float, *, greater: bool = False) -> TestResult | None:
    """Test whether the mean difference of two methods over folds is 0, by the corrected resampled t-test.

    The test that belongs to the interval of `locgraph.stats.intervals.mean_interval`: the variance of the mean is that
    of the folds times 1 / k + n_test / n_train, since training sides share FOVs (Nadeau and Bengio 2003,
    10.1023/A:1024068626366; repeated folds: Bouckaert and Frank 2004, 10.1007/978-3-540-24775-3_3).

    Args:
        differences: One for each of the k folds.
        overlap: n_test / n_train of one fold.
        greater: Whether to test that the mean is above 0; otherwise that it is not 0.

    Returns:
        t with k - 1 degrees of freedom and its p, where no fold differs that of t = 0; None where the folds do not show
        how much they vary: there is one, or all have the same difference.
    """
    values = np.asarray(differences, dtype=np.float64)
    n = len(values)
    if n < 2:
        return None
    scale = _scale(values, overlap)
    if scale == 0 and abs(values.mean()) > _ROUNDING:
        return None
    t = 0.0 if scale == 0 else float(values.mean() / scale)
    return TestResult(t, float(stdtr(n - 1, -t)) if greater else 2 * float(stdtr(n - 1, -abs(t))), n - 1)


def sign_flip_test(differences: np.ndarray, owners: np.ndarray, *, greater: bool = False) -> TestResult:
    """Test whether two methods are right equally often on the same FOVs: McNemar's test, for one or several seeds.

    If the methods are alike, the sign of the difference of each FOV is a toss of a coin; the p-value is the fraction of
    all tosses whose sum is at least that far from 0. With differences of -1, 0 and 1 this is McNemar's exact test
    (1947, 10.1007/BF02295996), binomial over the discordant FOVs. A mean over seeds leaves fractions: a FOV is still
    one toss, however often it was tested. Where FOVs have groups, the toss is that of a whole group.

    Args:
        differences: (N,) float64 from -1 to 1: right by the first less right by the second, or a mean over seeds.
        owners: (N,) of each difference, the FOV or its group; their differences are summed.
        greater: Whether to test that the first is right more often; otherwise that they differ.

    Returns:
        The sum of the differences and p: exact, or from the normal law where several thousand FOVs differ.
    """
    sums = np.bincount(np.unique(owners, return_inverse=True)[1], differences)
    sums = sums[np.abs(sums) > _ROUNDING]
    total = float(sums.sum())
    if not len(sums):
        return TestResult(0.0, 1.0)
    steps = _steps(sums)
    if len(steps) * np.abs(steps).sum() > _MOST_STEPS:
        z = total / float((sums**2).sum()) ** 0.5
        return TestResult(total, float(ndtr(-z)) if greater else 2 * float(ndtr(-abs(z))))
    above = _tail(np.abs(steps), int(steps.sum()) if greater else abs(int(steps.sum())))
    return TestResult(total, above if greater else min(1.0, 2 * above))


@dataclass(frozen=True)
class Equivalence:
    """Probabilities that sum to 1: how the true difference of two methods lies to a region of practical equivalence.

    Attributes:
        worse: That the first is worse by more than the region.
        equal: That the difference lies within the region.
        better: That the first is better by more than the region.
    """

    worse: float
    equal: float
    better: float


def practical_equivalence(differences: Sequence[float], overlap: float, rope: float) -> Equivalence | None:
    """Return how likely two methods are practically alike, by the Bayesian correlated t-test.

    The posterior of the mean difference over folds of one data set is Student's t with k - 1 degrees of freedom, around
    the mean, with the variance of `corrected_t_test` (Corani and Benavoli 2015, 10.1007/s10994-015-5486-z; Benavoli et
    al. 2017, JMLR 18:77). Folds of one data set are correlated, which the signed-rank test there, for several data
    sets, does not allow.

    Args:
        differences: One for each of the k folds.
        overlap: n_test / n_train of one fold.
        rope: Half the width of the region of practical equivalence around 0.

    Returns:
        The probabilities; None where the folds do not show how much they vary: there is one, or all have the same
        difference.

    Raises:
        ConfigError: ``rope`` is negative or not finite.
    """
    if not (np.isfinite(rope) and rope >= 0):
        raise ConfigError(f"expected a number of at least 0, found {rope}", setting="rope")
    values = np.asarray(differences, dtype=np.float64)
    if len(values) < 2 or (scale := _scale(values, overlap)) == 0:
        return None
    freedom, mean = len(values) - 1, float(values.mean())
    worse, better = float(stdtr(freedom, (-rope - mean) / scale)), float(stdtr(freedom, (mean - rope) / scale))
    return Equivalence(worse, max(0.0, 1 - worse - better), better)


def cohens_g(first: int, second: int) -> float | None:
    """Return Cohen's g of discordant pairs: the fraction won by the first less 1/2; None where none is discordant.

    0.05 is small, 0.15 medium, 0.25 large (Cohen 1988, ISBN 0805802835, chapter 5).

    Args:
        first: FOVs that the first classifies correctly more often.
        second: FOVs that the second classifies correctly more often.
    """
    if min(first, second) < 0:
        raise DataError(f"expected numbers of FOVs, found {first} and {second}")
    return None if first + second == 0 else first / (first + second) - 0.5


def _scale(values: np.ndarray, overlap: float) -> float:
    """Return the corrected standard deviation of the mean; 0 where all values are equal but for rounding."""
    deviation = float(values.std(ddof=1))
    if deviation <= _ROUNDING * max(abs(float(values.mean())), 1.0):
        return 0.0
    return deviation * (1 / len(values) + overlap) ** 0.5


def _steps(sums: np.ndarray) -> np.ndarray:
    """Return sums of differences as whole numbers: multiples of the coarsest grid that holds them."""
    for grid in range(1, _COARSE_GRIDS + 1):
        steps = np.rint(sums * grid)
        if np.abs(sums * grid - steps).max() < 1e-6:
            return steps.astype(np.int64)
    return np.rint(sums * _FINEST_GRID).astype(np.int64)


def _tail(steps: np.ndarray, least: int) -> float:
    """Return the probability that steps (n,) of random sign sum to at least ``least``."""
    width = int(steps.sum())
    law = np.zeros(2 * width + 1)
    law[width] = 1.0
    for step in steps:
        law = (np.roll(law, step) + np.roll(law, -step)) / 2  # the ends are empty: no step reaches beyond the width
    return min(1.0, float(law[width + least :].sum()))
