"""95 % intervals of scores over all test FOVs together, which may be of groups (patients) or tested several times."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.special import ndtri, stdtrit

from locgraph.stats.intervals import LEVEL, Interval, score_interval

FEWEST_GROUPS: Final = 5
"""Of fewer groups how much they differ is not known, and there is no interval."""


def pooled_accuracy(
    correct: np.ndarray, classes: np.ndarray, fovs: np.ndarray, groups: np.ndarray | None, *, balanced: bool = False
) -> Interval:
    """Return the accuracy or balanced accuracy of all tests together, with its interval.

    A score s is a mean of right and wrong answers with weights. Wilson's interval is that of as many independent FOVs
    as would give s its variance, n = s (1 - s) / v, and at most as many as there are (the effective sample size of Korn
    and Graubard 1998, Survey Methodology 24:193). Without groups this is Wilson's interval itself for the accuracy.

    With groups v is the variance between groups, G / (G - 1) sum z_g^2, with z_g the sum over the FOVs of group g of
    weight times (right - mean). Few errors say little on how alike the FOVs of a group are, so two more groups of mean
    size take part in it with half the weight, one right and one wrong throughout: without errors n is then about G, one
    for each group (half a success and half a failure are Jeffreys' prior; Brown, Cai and DasGupta 2001,
    10.1214/ss/1009213286). n is multiplied by (z / t)^2, t with G - 1 degrees of freedom, as by Korn and Graubard.

    Args:
        correct: (N,) float64 from 0 to 1, of each test: right or wrong, or a mean over seeds.
        classes: (N,) true classes.
        fovs: (N,) names; one that is there several times was tested several times, and counts once.
        groups: (N,) groups; None where FOVs are independent.
        balanced: Whether each class counts alike, not each FOV.

    Returns:
        Score and interval; no interval with fewer than `FEWEST_GROUPS` groups.
    """
    weights = _weights(classes, balanced)
    score = float((weights * correct).sum() / weights.sum())
    n_fovs = 1 / float((_sums(weights, fovs) ** 2).sum())
    if groups is None:
        # without weights the variance is known: that of a proportion
        means = _class_means(correct, classes) if balanced else np.full(len(correct), score)
        spread = float((_sums(weights * (means * (1 - means)) ** 0.5, fovs) ** 2).sum())
        n = min(n_fovs, score * (1 - score) / spread) if spread > 0 else n_fovs
        return score_interval(score, n)
    n_groups = len(np.unique(groups))
    if n_groups < FEWEST_GROUPS:
        return Interval(score, None, None, few_groups(n_groups))
    means = _class_means(correct, classes) if balanced else np.full(len(correct), score)
    size = 1 / n_groups
    total = 1 + size
    middle = (score + size / 2) / total
    residuals = _sums(weights * (correct - means), groups) + (score - middle) * _sums(weights, groups)
    added = size**2 * ((1 - middle) ** 2 + middle**2) / 2
    variance = n_groups / (n_groups - 1) * (float((residuals**2).sum()) + added) / total**2
    t = float(stdtrit(n_groups - 1, 0.5 + LEVEL / 2))
    n = min(n_fovs, middle * (1 - middle) / variance) * (float(ndtri(0.5 + LEVEL / 2)) / t) ** 2
    return score_interval(score, n)


def pooled_difference(
    differences: np.ndarray, classes: np.ndarray, fovs: np.ndarray, groups: np.ndarray | None, *, balanced: bool = False
) -> Interval:
    """Return the mean difference of two methods over the same tests, with its interval.

    The interval is that of Agresti and Min (2005, 10.1002/sim.1781) for paired proportions: half an observation is
    added to each of the four pairs of right and wrong. With groups, sums over groups take the place of FOVs, the added
    observations are two groups of mean size, and Student's t has G - 1 degrees of freedom.

    Args:
        differences: (N,) float64 from -1 to 1: right by the first less right by the second.
        classes: (N,) true classes.
        fovs: (N,) names; one that is there several times counts once.
        groups: (N,) groups; None where FOVs are independent.
        balanced: Whether each class counts alike, not each FOV.

    Returns:
        Difference and interval; no interval with fewer than `FEWEST_GROUPS` groups.
    """
    weights = _weights(classes, balanced)
    estimate = float((weights * differences).sum())
    clusters = fovs if groups is None else groups
    sums, sizes = _sums(weights * differences, clusters), _sums(weights, clusters)
    n = len(sums)
    if groups is not None and n < FEWEST_GROUPS:
        return Interval(estimate, None, None, few_groups(n))
    total = 1 + 2 / n
    middle = estimate / total
    squares = float(((sums - middle * sizes) ** 2).sum()) + 2 * (0.5 + middle**2) / n**2
    quantile = ndtri(0.5 + LEVEL / 2) if groups is None else stdtrit(n - 1, 0.5 + LEVEL / 2)
    half = float(quantile) * squares**0.5 / total
    return Interval(estimate, max(-1.0, middle - half), min(1.0, middle + half))


def few_groups(number: int) -> str:
    """Return why there is no interval with so few groups."""
    return (
        f"only {number} group{'' if number == 1 else 's'} tested, and FOVs of a group are not independent: an interval "
        f"needs at least {FEWEST_GROUPS}"
    )


def _weights(classes: np.ndarray, balanced: bool) -> np.ndarray:
    """Return weights (N,) with sum 1: equal ones, or such that every class weighs alike."""
    if not balanced:
        return np.full(len(classes), 1 / len(classes))
    names, owners, sizes = np.unique(classes, return_inverse=True, return_counts=True)
    return 1 / (len(names) * sizes[owners])


def _class_means(correct: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the recall of the class of each test, (N,)."""
    _, owners, sizes = np.unique(classes, return_inverse=True, return_counts=True)
    return (np.bincount(owners, correct) / sizes)[owners]


def _sums(values: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """Return the sum of the values of each owner."""
    return np.bincount(np.unique(owners, return_inverse=True)[1], values)
