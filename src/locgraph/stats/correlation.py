"""Correlations of values and of ranks, and agreement of selections."""

from __future__ import annotations

import numpy as np
from scipy.stats import kendalltau, rankdata


def pearson_matrix(values: np.ndarray) -> np.ndarray:
    """Return Pearson's correlations (F, F) of the columns of (N, F) float64 (Pearson 1895, 10.1098/rspl.1895.0041).

    Args:
        values: Columns that vary, N at least 2.
    """
    matrix = np.atleast_2d(np.corrcoef(values, rowvar=False))
    np.fill_diagonal(matrix, 1.0)
    return matrix


def spearman_matrix(values: np.ndarray) -> np.ndarray:
    """Return Spearman's correlations (F, F) of the columns of (N, F) float64 (Spearman 1904, 10.2307/1412159).

    Args:
        values: Columns that vary, N at least 2; equal values share the mean of their ranks.
    """
    return pearson_matrix(rankdata(values, axis=0))


def spearman(first: np.ndarray, second: np.ndarray) -> float | None:
    """Return Spearman's rank correlation in [-1, 1] (Spearman 1904, 10.2307/1412159).

    Args:
        first: (N,) finite numbers.
        second: (N,) finite numbers.

    Returns:
        The correlation; None where one of them has no order: fewer than two values, or all equal.
    """
    if not (_has_order(first) and _has_order(second)):
        return None
    return float(np.clip(np.corrcoef(rankdata(first), rankdata(second))[0, 1], -1, 1))


def kendall(first: np.ndarray, second: np.ndarray) -> float | None:
    """Return Kendall's tau-b in [-1, 1], which allows for equal values (Kendall 1945, 10.1093/biomet/33.3.239).

    Args:
        first: (N,) finite numbers.
        second: (N,) finite numbers.

    Returns:
        The correlation; None where one of them has no order: fewer than two values, or all equal.
    """
    if not (_has_order(first) and _has_order(second)):
        return None
    return float(kendalltau(first, second).statistic)


def jaccard(first: np.ndarray, second: np.ndarray) -> float | None:
    """Return the number in both selections (N,) bool over that in either, in [0, 1]; None where both are empty."""
    either = int((first | second).sum())
    return int((first & second).sum()) / either if either else None


def overlap(first: np.ndarray, second: np.ndarray) -> float | None:
    """Return the fraction of the first selection (N,) bool that is in the second; None where the first is empty."""
    size = int(first.sum())
    return int((first & second).sum()) / size if size else None


def _has_order(values: np.ndarray) -> bool:
    return len(values) > 1 and bool(np.ptp(values) != 0)
