"""Labels that out-of-sample probabilities contradict: confident learning (Northcutt, Jiang and Chuang 2021).

The method is that of 10.1613/jair.1.12125, with the conventions of the package cleanlab where it leaves them open.
"""

from __future__ import annotations

from typing import Final

import numpy as np

_ROUNDING: Final = 1e-6


def confident_thresholds(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the mean probability of each class over the cases with that label.

    Args:
        probabilities: (N, K) float64, from a classifier that was not trained on the case.
        labels: (N,) int64, given classes.

    Returns:
        (K,) float64; infinite for a class that no case has, so that no case is confidently of it.
    """
    thresholds = np.full(probabilities.shape[1], np.inf)
    for place in np.unique(labels):
        thresholds[place] = probabilities[labels == place, place].mean()
    return thresholds


def confident_classes(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the class that each case confidently has: the most probable one of those that reach their threshold.

    Args:
        probabilities: (N, K) float64, from a classifier that was not trained on the case.
        labels: (N,) int64, given classes.

    Returns:
        (N,) int64; -1 where no class reaches its threshold.
    """
    reaches = probabilities >= confident_thresholds(probabilities, labels) - _ROUNDING
    best = np.where(reaches, probabilities, -np.inf).argmax(axis=1)
    return np.where(reaches.any(axis=1), best, -1)


def confident_joint(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Estimate how many cases with each label are truly of each class.

    Confident cases are counted, and each row is scaled to the number of cases with its label.

    Args:
        probabilities: (N, K) float64, from a classifier that was not trained on the case.
        labels: (N,) int64, given classes.

    Returns:
        (K, K) float64: given class, true class. A class without any confident case counts as labelled rightly.
    """
    n_classes = probabilities.shape[1]
    classes = confident_classes(probabilities, labels)
    known = classes >= 0
    counts = np.zeros((n_classes, n_classes))
    np.add.at(counts, (labels[known], classes[known]), 1.0)
    sizes = np.bincount(labels, minlength=n_classes).astype(np.float64)
    totals = counts.sum(axis=1)
    none = totals == 0
    counts[none, none] = 1.0
    scaled: np.ndarray = counts * (sizes / np.where(none, 1.0, totals))[:, None]
    return scaled


def find_label_issues(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return which cases confidently have another class than the given one, which is not the most probable either.

    Args:
        probabilities: (N, K) float64, from a classifier that was not trained on the case.
        labels: (N,) int64, given classes.

    Returns:
        (N,) bool.
    """
    classes = confident_classes(probabilities, labels)
    issues: np.ndarray = (classes >= 0) & (classes != labels) & (probabilities.argmax(axis=1) != labels)
    return issues
