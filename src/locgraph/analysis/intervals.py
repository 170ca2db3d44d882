"""Intervals that say how sure a number is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import ndtri, stdtrit

from locgraph.errors import DataError

LEVEL: Final = 0.95
"""Part of the intervals that should hold the true value."""


@dataclass(frozen=True)
class Interval:
    """An estimate with the interval around it.

    Attributes:
        estimate: The mean or proportion.
        low: Lower end; None where the values do not settle it.
        high: Upper end; None where the values do not settle it.
    """

    estimate: float
    low: float | None
    high: float | None


def mean_interval(values: Sequence[float], bounds: tuple[float, float] | None = None) -> Interval:
    """Mean of some values with Student's t interval (Student 1908, 10.1093/biomet/6.1.1).

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
    half = float(stdtrit(len(values) - 1, 0.5 + LEVEL / 2)) * float(np.std(values, ddof=1)) / len(values) ** 0.5
    low, high = mean - half, mean + half
    return Interval(mean, low, high) if bounds is None else Interval(mean, max(low, bounds[0]), min(high, bounds[1]))


def wilson_interval(correct: int, total: int) -> Interval:
    """Proportion ``correct / total`` with Wilson's score interval (Wilson 1927, 10.1080/01621459.1927.10502953).

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
    z = float(ndtri(0.5 + LEVEL / 2))
    share = correct / total
    middle = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * (share * (1 - share) / total + z**2 / (4 * total**2)) ** 0.5
    # Rounding may leave the ends a hair outside.
    return Interval(share, max(middle - half, 0.0), min(middle + half, 1.0))
