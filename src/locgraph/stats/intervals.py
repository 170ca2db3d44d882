"""95 % intervals of means and proportions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.special import ndtri, stdtrit

from locgraph.errors import DataError

LEVEL: Final = 0.95
"""Fraction of the intervals that should contain the true value."""
_ROUNDING: Final = 1e-12


@dataclass(frozen=True)
class Interval:
    """An estimate with the interval around it.

    Attributes:
        estimate: The mean, proportion or effect.
        low: Lower end; None where the values do not determine it.
        high: Upper end; None where the values do not determine it.
        reason: Why there is no interval; empty where there is one.
    """

    estimate: float
    low: float | None
    high: float | None
    reason: str = ""


def mean_interval(values: Sequence[float], overlap: float, bounds: tuple[float, float] | None = None) -> Interval:
    """Return the mean over folds with the corrected interval of Nadeau and Bengio (2003, 10.1023/A:1024068626366).

    Training sides of folds share FOVs, so that values of k folds vary less than those of k independent data sets. The
    variance of the mean is therefore that of the values times 1 / k + n_test / n_train, not 1 / k; Student's t has
    k - 1 degrees of freedom. For repeated folds k is their number in all repetitions (Bouckaert and Frank 2004,
    10.1007/978-3-540-24775-3_3).

    Args:
        values: At least one. One value has no interval, and equal ones have none, since folds that agree by chance do
            not make a mean exact.
        overlap: n_test / n_train, of the FOVs of one fold; 0 for values of independent data.
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
        return Interval(mean, None, None, "one fold does not show how much folds differ")
    deviation = float(np.std(values, ddof=1))
    if deviation <= _ROUNDING * max(abs(mean), 1.0):
        return Interval(mean, None, None, "all folds are equal")
    half = float(t_half_width(deviation, len(values))) * (1 + len(values) * overlap) ** 0.5
    low, high = mean - half, mean + half
    return Interval(mean, low, high) if bounds is None else Interval(mean, max(low, bounds[0]), min(high, bounds[1]))


def joined(estimate: float, intervals: Sequence[Interval]) -> Interval:
    """Return the smallest interval that holds some others and the estimate; where none has ends, none, with reasons."""
    lows = [each.low for each in intervals if each.low is not None]
    highs = [each.high for each in intervals if each.high is not None]
    if not lows or not highs:
        return Interval(estimate, None, None, "; ".join(dict.fromkeys(each.reason for each in intervals)))
    return Interval(estimate, min(*lows, estimate), max(*highs, estimate))


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
        total: Number of independent trials, at least 1.

    Returns:
        The proportion and its 95 % interval.

    Raises:
        DataError: ``total`` is not positive, or ``correct`` is not between 0 and ``total``.
    """
    if not 0 <= correct <= total or total < 1:
        raise DataError(f"a proportion needs 0 <= correct <= total and total >= 1, found {correct} of {total}")
    return score_interval(correct / total, total)


def score_interval(proportion: float, n: float) -> Interval:
    """Return Wilson's interval of a proportion of ``n`` trials, which may be an effective number and no integer."""
    z = float(ndtri(0.5 + LEVEL / 2))
    middle = (proportion + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (proportion * (1 - proportion) / n + z**2 / (4 * n**2)) ** 0.5
    # rounding must not leave out the proportion itself
    return Interval(proportion, max(0.0, min(middle - half, proportion)), min(1.0, max(middle + half, proportion)))
