"""Selective prediction: the error of those predictions that are kept where the least confident ones are withheld."""

from __future__ import annotations

import numpy as np


def error_over_coverage(confidence: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the error against coverage (El-Yaniv and Wiener 2010, JMLR 11:1605).

    Args:
        confidence: (N,) float64.
        right: (N,) bool.

    Returns:
        For each distinct confidence, from the largest down: the fraction of cases with at least this confidence, and
        the fraction of them that is wrong, each (M,) float64. Equal confidences are kept or withheld together.
    """
    order = np.argsort(-confidence, kind="stable")
    sorted_confidence = confidence[order]
    kept = np.arange(1, len(order) + 1)
    errors = np.cumsum(~right[order]) / kept
    last = np.append(sorted_confidence[1:] < sorted_confidence[:-1], True)
    return kept[last] / len(order), errors[last]


def area_under_errors(confidence: np.ndarray, right: np.ndarray) -> float:
    """Return the mean error over all coverages, 0 to 1; confidence without use gives the error rate itself."""
    coverage, errors = error_over_coverage(confidence, right)
    return float((np.diff(coverage, prepend=0.0) * errors).sum())


def kept_at_error(confidence: np.ndarray, right: np.ndarray, error: float) -> float:
    """Return the largest coverage with at most this error; 0 where there is none."""
    coverage, errors = error_over_coverage(confidence, right)
    good = coverage[errors <= error + 1e-12]
    return float(good.max()) if len(good) else 0.0
