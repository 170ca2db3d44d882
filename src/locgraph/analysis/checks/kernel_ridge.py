"""Kernel ridge regression on classes: a quick classifier, whose fit to one set of labels is a fit to all."""

from __future__ import annotations

from typing import Final

import numpy as np
from sklearn.kernel_ridge import KernelRidge

_ALPHA: Final = 0.1
_MOST_TRAINED: Final = 2000
"""Training FOVs; the kernel of more would need gigabytes."""
_AT_ONCE: Final = 200


def accuracies(
    values: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray, seed: int = 0
) -> np.ndarray:
    """Return the test accuracy on one fold for each of several sets of labels.

    A least-squares support vector machine (Suykens and Vandewalle 1999, 10.1023/A:1018628609742) with a Gaussian kernel
    as wide as the median distance of training FOVs. Features have mean 0 and deviation 1 on the training side; a
    missing one is its mean.

    Args:
        values: (N, F) float64, NaN where one is missing.
        labels: (P, N) classes.
        train: (M,) rows of the training side; of very many a random part is used.
        test: (T,) rows of the test side.
        seed: Of that part, which does not depend on labels.

    Returns:
        (P,) float64.
    """
    names, codes = np.unique(labels, return_inverse=True)
    codes = codes.reshape(labels.shape)
    rows = np.random.default_rng(seed).permutation(train)[:_MOST_TRAINED]
    seen, asked = _standardised(values[rows], values[test])
    ridge = KernelRidge(alpha=_ALPHA, kernel="rbf", gamma=_gamma(seen))
    parts = []
    for start in range(0, len(labels), _AT_ONCE):
        chosen = codes[start : start + _AT_ONCE]
        targets = (chosen[:, rows, None] == np.arange(len(names))).transpose(1, 0, 2).astype(np.float64)
        means = targets.mean(axis=0)
        ridge.fit(seen, (targets - means).reshape(len(rows), -1))
        predicted = (ridge.predict(asked).reshape(len(test), *means.shape) + means).argmax(axis=2)
        parts.append((chosen[:, test] == predicted.T).mean(axis=1))
    return np.concatenate(parts)


def _standardised(seen: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return training and test rows with mean 0 and deviation 1 on the training side, the mean where one is missing."""
    known = ~np.isnan(seen)
    counts = np.maximum(known.sum(axis=0), 1)
    means = np.where(known, seen, 0.0).sum(axis=0) / counts
    deviations = (np.where(known, seen - means, 0.0) ** 2).sum(axis=0) / counts
    scale = np.where(deviations > 0, deviations, 1.0) ** 0.5
    standard = [np.nan_to_num((rows - means) / scale) for rows in (seen, asked)]
    return standard[0], standard[1]


def _gamma(seen: np.ndarray) -> float:
    """Return 1 / the median squared distance of training rows (N, F), of a part of them where they are many."""
    some = seen[:: max(1, len(seen) // 500)]
    squares = ((some[:, None] - some[None]) ** 2).sum(axis=2)[np.triu_indices(len(some), 1)]
    median = float(np.median(squares)) if len(squares) else 0.0
    return 1 / median if median > 0 else 1.0
