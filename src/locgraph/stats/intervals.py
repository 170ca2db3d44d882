"""95 % intervals of means and proportions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.special import stdtrit
from scipy.stats import binomtest

from locgraph.errors import DataError

LEVEL: Final = 0.95
"""Fraction of the intervals that should contain the true value."""


@dataclass(frozen=True)
class Interval:
    """An estimate with the interval around it.

    Attributes:
        estimate: The mean, proportion or effect.
        low: Lower end; None where the values do not determine it.
        high: Upper end; None where the values do not determine it.
    """

    estimate: float
    low: float | None
    high: float | None


def mean_interval(values: Sequence[float], bounds: tuple[float, float] | None = None) -> Interval:
    """Return the mean of some values with Student's t interval (Student 1908, 10.1093/biomet/6.1.1).

    Values from the folds of one data set share training data, so that the true interval is somewhat wider (Bengio and
    Grandvalet 2004, JMLR 5:1089).

    Args:
        values: At least one; a single value has no interval.
        bounds: Smallest and largest possible value; the interval is cut there.

    Returns:
        The mean and its 95 % interval.

    Raises:
        DataError: There is no value.
    """
    if not values:
        raise DataError("a mean needs at least one value, found none")
    mean = float(np.mean(values))
    if len(values) == 1:
        return Interval(mean, None, None)
    half = float(t_half_width(float(np.std(values, ddof=1)), len(values)))
    low, high = mean - half, mean + half
    return Interval(mean, low, high) if bounds is None else Interval(mean, max(low, bounds[0]), min(high, bounds[1]))


def t_half_width(standard_deviation: Any, n: Any) -> Any:
    """Return half the width of Student's 95 % interval of a mean.

    Args:
        standard_deviation: Of the values, with divisor n - 1; a number or an array.
        n: How many values, at least 2; a number or an array.
    """
    return stdtrit(n - 1, 0.5 + LEVEL / 2) * standard_deviation / n**0.5


def wilson_interval(correct: int, total: int) -> Interval:
    """Return ``correct / total`` with Wilson's score interval (Wilson 1927, 10.1080/01621459.1927.10502953).

    Args:
        correct: Number of successes.
        total: Number of trials, at least 1.

    Returns:
        The proportion and its 95 % interval.

    Raises:
        DataError: ``total`` is not positive, or ``correct`` is not between 0 and ``total``.
    """
    if not 0 <= correct <= total or total < 1:
        raise DataError(f"a proportion needs 0 <= correct <= total and total >= 1, found {correct} of {total}")
    interval = binomtest(correct, total).proportion_ci(LEVEL, method="wilson")
    return Interval(correct / total, float(interval.low), float(interval.high))
