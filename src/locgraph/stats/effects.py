"""Effect sizes: how large a difference is, with 95 % intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.special import gammaln, ndtri

from locgraph.stats.intervals import LEVEL, Interval

_Z: Final = float(ndtri(0.5 + LEVEL / 2))


def cliffs_delta(a: np.ndarray, b: np.ndarray) -> Interval:
    """Return Cliff's delta: how much more often a value of ``a`` exceeds one of ``b`` than the other way round.

    It is 2 U / (n m) - 1 with U of Mann and Whitney (Cliff 1993, 10.1037/0033-2909.114.3.494). The interval is the
    asymmetric one of Feng and Cliff (2004, J. Mod. Appl. Stat. Methods 3:322). Where no values overlap, so that its
    variance vanishes, it is Wilson's interval of as many successes as the smaller sample has values.

    Args:
        a: Values (n,), at least 2.
        b: Values (m,), at least 2.

    Returns:
        Delta from -1 to 1 and its 95 % interval.
    """
    n, m = len(a), len(b)
    # the share of each value in the dominance comes from ranks: no matrix of all pairs is needed
    above, below = _dominance(a, b), -_dominance(b, a)
    delta = float(above.mean())
    if abs(delta) == 1.0:
        smaller = min(n, m)
        inner = (smaller - _Z**2) / (smaller + _Z**2)
        return Interval(delta, inner, 1.0) if delta > 0 else Interval(delta, -1.0, -inner)
    of_a, of_b = float(((above - delta) ** 2).sum()), float(((below - delta) ** 2).sum())
    ties = float((np.searchsorted(np.sort(b), a, "right") - np.searchsorted(np.sort(b), a, "left")).sum())
    pairs = n * m - ties - n * m * delta**2  # sum over pairs of (sign - delta)^2
    variance = (m**2 * of_a + n**2 * of_b - pairs) / (n * m * (n - 1) * (m - 1))
    variance = max(variance, (1 - delta**2) / (n * m - 1))
    shift = delta - delta**3
    half = _Z * np.sqrt(variance) * np.sqrt((1 - delta**2) ** 2 + _Z**2 * variance)
    scale = 1 - delta**2 + _Z**2 * variance
    return Interval(delta, max(float((shift - half) / scale), -1.0), min(float((shift + half) / scale), 1.0))


def _dominance(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the fraction of ``others`` below each value less the fraction above it (n,)."""
    others = np.sort(others)
    smaller = np.searchsorted(others, values, "left")
    larger = len(others) - np.searchsorted(others, values, "right")
    return (smaller - larger) / len(others)


def hedges_g(a: np.ndarray, b: np.ndarray) -> Interval | None:
    """Return Hedges' g: the difference of means in pooled standard deviations, corrected for small samples.

    With the exact correction by gamma functions, and the interval of its asymptotic normal distribution (Hedges 1981,
    10.3102/10769986006002107; Hedges and Olkin 1985, ISBN 0123363802, chapter 5). It assumes equal variances.

    Args:
        a: Values (n,), at least 2.
        b: Values (m,), at least 2.

    Returns:
        g, positive where ``a`` is larger, and its 95 % interval; None where neither sample varies.
    """
    n, m = len(a), len(b)
    freedom = n + m - 2
    pooled = np.sqrt(((n - 1) * a.var(ddof=1) + (m - 1) * b.var(ddof=1)) / freedom)
    # rounding alone may give a standard deviation of this size
    if pooled <= 1e-12 * max(float(np.abs(values).max()) for values in (a, b)):
        return None
    correction = np.exp(gammaln(freedom / 2) - gammaln((freedom - 1) / 2) - np.log(freedom / 2) / 2)
    g = float(correction * (a.mean() - b.mean()) / pooled)
    half = _Z * np.sqrt((n + m) / (n * m) + g**2 / (2 * (n + m)))
    return Interval(g, float(g - half), float(g + half))


def epsilon_squared(statistic: float, n: int) -> float:
    """Return epsilon squared of Kruskal and Wallis' H over n values, 0 to 1: H / (n - 1) (Tomczak and Tomczak 2014)."""
    return float(statistic) / (n - 1)


def eta_squared(samples: Sequence[np.ndarray]) -> float:
    """Return the fraction of the variance that lies between samples, 0 to 1; the values are not all equal."""
    together = np.concatenate(samples)
    between = sum(len(values) * (values.mean() - together.mean()) ** 2 for values in samples)
    return float(between / ((together - together.mean()) ** 2).sum())
