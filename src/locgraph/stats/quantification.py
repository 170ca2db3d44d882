"""Fractions of classes behind the errors of a classifier, from what it confuses in a test.

Counting predictions is biased: with 5 % errors a class of which there is nothing is found all the same. If the objects
of each true class are confused as those of the test were, the fractions of the true classes can be recovered (adjusted
counts, Forman 2008, 10.1007/s10618-008-0097-y; by maximum likelihood, Saerens et al. 2002, 10.1162/089976602753284446).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from locgraph.stats.intervals import LEVEL, Interval

FEWEST_TESTS: Final = 10
"""Of a class with fewer tests it is not known what it is taken for."""
_LEAST_SINGULAR: Final = 0.1
_STEPS: Final = 300
_DRAWS: Final = 1000
_JEFFREYS: Final = 0.5


@dataclass(frozen=True)
class Confusion:
    """What the objects of each true class were taken for in a test.

    Attributes:
        counts: (K, K) int64, rows are true classes, columns predicted ones; without those that got no class.
        n_independent: (K,) float64, independent tests of each class: their groups, where tests of a group are not.
    """

    counts: np.ndarray
    n_independent: np.ndarray

    @property
    def rates(self) -> np.ndarray:
        """(K, K) float64, probability of each prediction given the true class; rows sum to 1."""
        return self.counts / self.counts.sum(axis=1, keepdims=True)

    def problem(self, class_names: Sequence[str]) -> str:
        """Return why nothing can be corrected with it; empty where it can."""
        few = [name for name, n in zip(class_names, self.counts.sum(axis=1), strict=True) if n < FEWEST_TESTS]
        if few:
            return f"fewer than {FEWEST_TESTS} test objects of {', '.join(few)} got a class"
        if np.linalg.svd(self.rates, compute_uv=False)[-1] < _LEAST_SINGULAR:
            return "in the test, classes are confused too often to be told apart"
        return ""


def adjusted_fractions(predicted: np.ndarray, confusion: Confusion, seed: int) -> list[Interval] | str:
    """Return the fractions of the true classes among objects, given how often each class was predicted of them.

    The estimate is that of maximum likelihood, by expectation and maximisation, so that it never leaves 0 to 1. The
    interval has 95 % of 1000 draws from the posteriors (Jeffreys' priors) of the fractions of predictions and of the
    rates of confusion: it covers the sampling of objects and the size of the test.

    Args:
        predicted: (K,) int64, number of objects predicted as each class.
        confusion: From a test of the same classifier, with the same rule for objects without a class.
        seed: Of the draws.

    Returns:
        One fraction for each class; or why there are none.
    """
    never = (confusion.counts.sum(axis=0) == 0) & (predicted > 0)
    if never.any():
        return "a class is predicted that no test object got"
    total = predicted.sum()
    if total == 0:
        return "no object got a class"
    estimate = _mixture((predicted / total)[None], confusion.rates[None])[0]
    rng = np.random.default_rng(seed)
    rates = confusion.rates * confusion.n_independent[:, None]
    n_classes = len(predicted)
    drawn_rates = np.stack([rng.dirichlet(row + 1 / n_classes, _DRAWS) for row in rates], axis=1)
    fractions = _mixture(rng.dirichlet(predicted + _JEFFREYS, _DRAWS), drawn_rates)
    low, high = np.quantile(fractions, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return [
        Interval(value, min(below, value), max(above, value))
        for value, below, above in zip(estimate.tolist(), low.tolist(), high.tolist(), strict=True)
    ]


def _mixture(predicted: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Return the fractions (B, K) of true classes most likely to give ``predicted`` (B, K) by ``rates`` (B, K, K)."""
    fractions = np.full(predicted.shape, 1 / predicted.shape[1])
    for _ in range(_STEPS):
        expected = np.einsum("bk,bkm->bm", fractions, rates)
        ratio = np.divide(predicted, expected, out=np.zeros_like(predicted), where=expected > 0)
        fractions = fractions * np.einsum("bkm,bm->bk", rates, ratio)
    return fractions / fractions.sum(axis=1, keepdims=True)
