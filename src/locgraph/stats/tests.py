"""Two-sided tests for differences between samples, and the correction for many of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.special import stdtr


@dataclass(frozen=True)
class TestResult:
    """Result of one test.

    Attributes:
        statistic: U, t, H or F.
        p: The p-value.
        df: Degrees of freedom (between samples, where there are two kinds); None where the test has none.
    """

    __test__ = False  # no class of tests for pytest

    statistic: float
    p: float
    df: float | None = None


def mann_whitney(a: np.ndarray, b: np.ndarray) -> TestResult:
    """Test by Mann and Whitney's U (10.1214/aoms/1177730491), exact for small samples without ties."""
    result = stats.mannwhitneyu(a, b)
    return TestResult(float(result.statistic), float(result.pvalue))


def welch(a: np.ndarray, b: np.ndarray) -> TestResult:
    """Test by Welch's t (10.1093/biomet/34.1-2.28).

    It equals that of scipy, which warns of a loss of precision where one of the samples does not vary.

    Args:
        a: Values (n,), at least 2.
        b: Values (m,), at least 2; one of the samples varies.
    """
    of_a, of_b = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    t = float((a.mean() - b.mean()) / np.sqrt(of_a + of_b))
    df = float((of_a + of_b) ** 2 / (of_a**2 / (len(a) - 1) + of_b**2 / (len(b) - 1)))
    return TestResult(t, 2 * float(stdtr(df, -abs(t))), df)


def kruskal(samples: Sequence[np.ndarray]) -> TestResult:
    """Test several samples by Kruskal and Wallis' H (10.1080/01621459.1952.10483441); the values are not all equal."""
    h, p = stats.kruskal(*samples)
    return TestResult(float(h), float(p), len(samples) - 1)


def anova(samples: Sequence[np.ndarray]) -> TestResult:
    """Test several samples by analysis of variance; at least one sample varies."""
    f, p = stats.f_oneway(*samples)
    return TestResult(float(f), float(p), len(samples) - 1)


def false_discovery(p: np.ndarray) -> np.ndarray:
    """Return p-values after Benjamini and Hochberg (1995, 10.1111/j.2517-6161.1995.tb02031.x).

    Args:
        p: (N,) float64; NaN where there is no test.

    Returns:
        The expected fraction of false discoveries among those with a value no larger (N,) float64; NaN where there is
        no test.
    """
    known = ~np.isnan(p)
    q = np.full(len(p), np.nan)
    if known.any():
        q[known] = stats.false_discovery_control(p[known])
    return q


def holm(p: np.ndarray) -> np.ndarray:
    """Return p-values after Holm (1979, Scand. J. Statist. 6:65): smaller than a level with the error of all tests.

    Args:
        p: (N,) float64; NaN where there is no test.

    Returns:
        (N,) float64; NaN where there is no test.
    """
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    corrected = np.full(len(p), np.nan)
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * factors))
    return corrected


def is_constant(*samples: np.ndarray) -> bool:
    """Return whether all values are equal but for rounding."""
    values = np.concatenate(samples)
    return bool(np.ptp(values) <= 1e-12 * np.abs(values).max())
