"""How far two lists of scores put the same clusters in the same order."""

from __future__ import annotations

import numpy as np
from scipy.stats import kendalltau, rankdata
from torch import Tensor

from locgraph.explain.metrics.selection import check_finite


def spearman(first: Tensor, second: Tensor) -> float | None:
    """Spearman's rank correlation in [-1, 1]; equal scores share the mean of their ranks.

    Args:
        first: (C,) scores.
        second: (C,) scores.

    Returns:
        The correlation; None where one of them has no order: a single cluster, or all scores equal.

    Source: Spearman 1904, 10.2307/1412159.
    """
    pair = _with_order(first, second)
    return None if pair is None else float(np.clip(np.corrcoef(rankdata(pair[0]), rankdata(pair[1]))[0, 1], -1, 1))


def kendall(first: Tensor, second: Tensor) -> float | None:
    """Kendall's tau-b in [-1, 1]: agreeing pairs of clusters less disagreeing ones, with allowance for equal scores.

    Args:
        first: (C,) scores.
        second: (C,) scores.

    Returns:
        The correlation; None where one of them has no order: a single cluster, or all scores equal.

    Source: Kendall 1945, 10.1093/biomet/33.3.239.
    """
    pair = _with_order(first, second)
    return None if pair is None else float(kendalltau(*pair).statistic)


def jaccard(first: Tensor, second: Tensor) -> float | None:
    """Clusters that both select over those that either does, in [0, 1]; None where both select none.

    Args:
        first: (C,) bool.
        second: (C,) bool.
    """
    either = int((first | second).sum())
    return int((first & second).sum()) / either if either else None


def overlap(first: Tensor, second: Tensor) -> float | None:
    """Part of the first selection that is in the second, in [0, 1]; None where the first is empty.

    Args:
        first: (C,) bool.
        second: (C,) bool.
    """
    size = int(first.sum())
    return int((first & second).sum()) / size if size else None


def _with_order(first: Tensor, second: Tensor) -> tuple[np.ndarray, np.ndarray] | None:
    pair = check_finite(first).numpy(), check_finite(second).numpy()
    return None if any(len(scores) < 2 or np.ptp(scores) == 0 for scores in pair) else pair
