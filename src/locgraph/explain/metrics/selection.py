"""Which clusters an explanation selects: from a score for each to a yes or no."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from locgraph.errors import ConfigError, DataError
from locgraph.explain.explanation import Explanation
from locgraph.settings import check_number, check_whole

COUNT: Final = "count"
FRACTION: Final = "fraction"
THRESHOLD: Final = "threshold"
SUBGRAPH: Final = "subgraph"


@dataclass(frozen=True)
class Selection:
    """How clusters are selected.

    Args:
        by: ``count`` takes the ``amount`` top clusters, all where there are fewer; ``fraction`` the top ``amount`` of
            the clusters, at least one; ``threshold`` those whose score is above ``amount``, which may be none;
            ``subgraph`` those that the explainer itself names, and acts as ``fraction`` where it names none.
        amount: A number of clusters, a fraction in (0, 1], or a score, by ``by``.

    Raises:
        ConfigError: ``by`` is unknown, or ``amount`` cannot be what it stands for.
    """

    by: str = FRACTION
    amount: float = 0.2

    def __post_init__(self) -> None:
        if self.by == COUNT:
            check_whole("selection.amount (selection.by=count)", self.amount, at_least=1)
        elif self.by in (FRACTION, SUBGRAPH):
            check_number(f"selection.amount (selection.by={self.by})", self.amount, above=0, at_most=1)
        elif self.by == THRESHOLD:
            check_number("selection.amount (selection.by=threshold)", self.amount)
        else:
            raise ConfigError(
                f"selection.by must be one of {COUNT}, {FRACTION}, {THRESHOLD} and {SUBGRAPH}, found {self.by!r}"
            )

    def __call__(self, explanation: Explanation) -> Tensor:
        """The selected clusters, (C,) bool.

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
    """The k largest scores, (C,) bool; of equal scores the first."""
    chosen = torch.zeros(len(scores), dtype=torch.bool)
    chosen[ranking(scores)[:k]] = True
    return chosen


def ranking(scores: Tensor) -> Tensor:
    """Indices from the largest score to the smallest, (C,) int64; equal scores keep their order.

    Raises:
        DataError: A score is not finite.
    """
    return torch.argsort(check_finite(scores), descending=True, stable=True)


def check_finite(scores: Tensor) -> Tensor:
    """Refuses scores that have no order.

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
