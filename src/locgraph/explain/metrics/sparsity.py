"""How little an explanation needs: clusters that it leaves out, and how its scores are spread."""

from __future__ import annotations

import numpy as np
from scipy.stats import entropy
from torch import Tensor

from locgraph.explain.metrics.selection import check_finite


def sparsity(selected: Tensor) -> float:
    """Part of the clusters that is not selected, in [0, 1]; neither direction is better by itself.

    Fidelities compare well only at the same sparsity. Source: Yuan et al. 2022, arXiv 2012.15445.

    Args:
        selected: (C,) bool.
    """
    return 1.0 - float(selected.double().mean())


def concentration(scores: Tensor) -> float | None:
    """Gini coefficient of the absolute scores, in [0, 1]: 0 where all are the same, 1 where one cluster has all.

    Divided by its largest value, 1 - 1 / C, so that FOVs with few clusters reach 1 too. It describes, neither direction
    is better. Source: Hurley and Rickard 2009, 10.1109/TIT.2009.2027527.

    Args:
        scores: (C,) float32.

    Returns:
        The coefficient; None where there is one cluster, or all scores are 0.
    """
    shares = _shares(scores)
    if shares is None:
        return None
    n = len(shares)
    gini = float(np.sort(shares) @ (2 * np.arange(1, n + 1) - n - 1)) / n
    return min(max(gini * n / (n - 1), 0.0), 1.0)


def normalised_entropy(scores: Tensor) -> float | None:
    """Entropy of the absolute scores over that of equal ones, in [0, 1]: 1 where all are the same, 0 where one has all.

    It describes, neither direction is better. Source: Shannon 1948, 10.1002/j.1538-7305.1948.tb01338.x.

    Args:
        scores: (C,) float32.

    Returns:
        The entropy; None where there is one cluster, or all scores are 0.
    """
    shares = _shares(scores)
    return None if shares is None else float(entropy(shares) / np.log(len(shares)))


def _shares(scores: Tensor) -> np.ndarray | None:
    """Absolute scores over their sum, (C,) float64."""
    sizes = check_finite(scores).abs().double().numpy()
    if len(sizes) < 2 or not sizes.any():
        return None
    # by the largest first: the sum of large scores may not be finite, nor that of small ones above 0
    sizes = sizes / sizes.max()
    return sizes / sizes.sum()
