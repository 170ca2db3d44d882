"""Selection of clusters by their scores, and how sparse it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from scipy.stats import entropy
from torch import Tensor

from locgraph.errors import ConfigError, DataError
from locgraph.explain.base import Explanation
from locgraph.settings import check_number, check_whole

COUNT: Final = "count"
FRACTION: Final = "fraction"
THRESHOLD: Final = "threshold"
SUBGRAPH: Final = "subgraph"


@dataclass(frozen=True)
class Selection:
    """Rule that selects clusters by their scores.

    Args:
        by: ``count`` takes the ``amount`` top clusters, all where there are fewer; ``fraction`` the top ``amount`` of
            the clusters, at least one; ``threshold`` those whose score is above ``amount``, which may be none;
            ``subgraph`` those that the explainer itself selects, and acts as ``fraction`` where it selects none.
        amount: A number of clusters, a fraction in (0, 1], or a score, by ``by``.

    Raises:
        ConfigError: ``by`` is unknown, or ``amount`` is out of range for it.
    """

    by: str = FRACTION
    amount: float = 0.2

    def __post_init__(self) -> None:
        if self.by == COUNT:
            check_whole("amount", self.amount, at_least=1)
        elif self.by in (FRACTION, SUBGRAPH):
            check_number("amount", self.amount, above=0, at_most=1)
        elif self.by == THRESHOLD:
            check_number("amount", self.amount)
        else:
            raise ConfigError(
                f"expected one of {COUNT}, {FRACTION}, {THRESHOLD} and {SUBGRAPH}, found {self.by!r}", setting="by"
            )

    def __call__(self, explanation: Explanation) -> Tensor:
        """Return the selected clusters, (C,) bool.

        Raises:
            DataError: A score is not finite.
        """
        scores = explanation.clusters
        if self.by == SUBGRAPH and explanation.subgraph is not None:
            return explanation.subgraph
        if self.by == THRESHOLD:
            return check_finite(scores) > self.amount
        if self.by == COUNT:
            return top(scores, int(self.amount))
        return top(scores, max(1, math.floor(self.amount * len(scores) + 0.5)))


def top(scores: Tensor, k: int) -> Tensor:
    """Return the clusters of the k largest scores, (C,) bool; of equal scores the first."""
    selected = torch.zeros(len(scores), dtype=torch.bool)
    selected[ranking(scores)[:k]] = True
    return selected


def ranking(scores: Tensor) -> Tensor:
    """Return indices from the largest score to the smallest, (C,) int64; equal scores keep their order.

    Raises:
        DataError: A score is not finite.
    """
    return torch.argsort(check_finite(scores), descending=True, stable=True)


def check_finite(scores: Tensor) -> Tensor:
    """Return scores if all are finite, so that they have an order.

    Raises:
        DataError: A score is not finite.
    """
    bad = int((~scores.isfinite()).sum())
    if bad:
        raise DataError(
            f"expected a finite score for each cluster, found {bad} of {len(scores)} that are not: lower the learning "
            "rate of the explainer if it has one, or choose another explainer"
        )
    return scores


def sparsity(selected: Tensor) -> float:
    """Return the part of the clusters that is not selected, in [0, 1]; neither direction is better by itself.

    Fidelities compare well only at the same sparsity. Source: Yuan et al. 2022, arXiv 2012.15445.

    Args:
        selected: (C,) bool.
    """
    return 1.0 - float(selected.double().mean())


def concentration(scores: Tensor) -> float | None:
    """Return the Gini coefficient of the absolute scores, in [0, 1]: 0 for equal scores, 1 where one cluster has all.

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
    """Return the normalised entropy of the absolute scores, in [0, 1]: 1 for equal scores, 0 where one cluster has all.

    It describes, neither direction is better. Source: Shannon 1948, 10.1002/j.1538-7305.1948.tb01338.x.

    Args:
        scores: (C,) float32.

    Returns:
        The entropy; None where there is one cluster, or all scores are 0.
    """
    shares = _shares(scores)
    return None if shares is None else float(entropy(shares) / np.log(len(shares)))


def _shares(scores: Tensor) -> np.ndarray | None:
    """Return absolute scores over their sum, (C,) float64."""
    sizes = check_finite(scores).abs().double().numpy()
    if len(sizes) < 2 or not sizes.any():
        return None
    # divide by the largest first: the sum of large scores may not be finite, nor that of small ones above 0
    sizes = sizes / sizes.max()
    return sizes / sizes.sum()
