"""Permutations of labels that keep what must not change: folds, and groups of fields of view (FOVs)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import gammaln

from locgraph.errors import DataError

FOVS: Final = "labels of FOVs"
WHOLE_GROUPS: Final = "labels of whole groups"
WITHIN_GROUPS: Final = "labels of FOVs within their groups"

_ENOUGH: Final = 10_000
"""Arrangements within test sides that are enough for any number of permutations that is drawn."""
_TIE: Final = 1e-9


@dataclass(frozen=True)
class Exchange:
    """What may be exchanged if classes say nothing.

    Attributes:
        what: One of `FOVS`, `WHOLE_GROUPS`, `WITHIN_GROUPS`.
        within_tests: Whether labels stay within the test side of a fold, so that each keeps its numbers of classes.
        labels: (U,) label of each unit.
        unit: (N,) int64, unit of each FOV.
        block: (U,) int64; units exchange labels within a block.
    """

    what: str
    within_tests: bool
    labels: np.ndarray
    unit: np.ndarray
    block: np.ndarray

    def __str__(self) -> str:
        return f"{self.what} within the test sides" if self.within_tests else self.what

    @property
    def log_arrangements(self) -> float:
        """Natural logarithm of the number of different arrangements of the labels."""
        return _log_arrangements(self.labels, self.block)

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Return permuted labels of the FOVs (N,); the arrangement that was observed may be drawn as well."""
        labels = self.labels.copy()
        for block in np.unique(self.block):
            rows = np.flatnonzero(self.block == block)
            labels[rows] = labels[rng.permutation(rows)]
        return labels[self.unit]


def find_exchange(labels: np.ndarray, groups: np.ndarray | None, tests: np.ndarray | None) -> Exchange:
    """Return how labels may be permuted.

    FOVs of a group are alike for other reasons than their class, so they are not exchangeable with FOVs of others.
    Where all FOVs of each group have one class, groups exchange their labels as a whole; otherwise FOVs exchange them
    within their group, and groups of one class stay as they are (Anderson and ter Braak 2003,
    10.1080/00949650215733). Folds were made for the classes as they are: labels move within the test sides, so that
    every side keeps its numbers of each class, where this leaves enough arrangements.

    Args:
        labels: (N,) classes.
        groups: (N,) groups, None for a FOV without one, which is a group of its own; None where there are none.
        tests: (N,) int64, the fold in which each FOV is tested; None where one is tested in several.

    Raises:
        DataError: There is one class, or no label can move.
    """
    if len(np.unique(labels)) < 2:
        raise DataError(f"expected FOVs of at least two classes, found {np.unique(labels).tolist()}")
    names = [
        f"fov {row}" if groups is None or groups[row] is None else f"group {groups[row]}" for row in range(len(labels))
    ]
    first, unit, sizes = np.unique(names, return_index=True, return_inverse=True, return_counts=True)[1:]
    if (labels == labels[first][unit]).all():
        what, own, blocks = FOVS if sizes.max() == 1 else WHOLE_GROUPS, labels[first], np.zeros(len(first), np.int64)
        sides = None if tests is None or (tests != tests[first][unit]).any() else tests[first]
    else:
        what, own, blocks, sides = WITHIN_GROUPS, labels, unit, tests
        unit = np.arange(len(labels))
    if sides is not None:
        finer = np.unique(np.stack([blocks, sides]), axis=1, return_inverse=True)[1].ravel()
        if _log_arrangements(own, finer) >= np.log(_ENOUGH):
            return Exchange(what, True, own, unit, finer)
    if _log_arrangements(own, blocks) <= _TIE:
        raise DataError(
            "expected groups that hold several classes, or several groups of one class each, found neither: no label "
            "can be exchanged; see groups"
        )
    return Exchange(what, False, own, unit, blocks)


def permutation_p(observed: float, null: np.ndarray) -> float:
    """Return (1 + b) / (1 + n), with b of n permutations at least as large as what was observed.

    The observed arrangement is counted as one of the permutations, so that p is never 0 (Phipson and Smyth 2010,
    10.2202/1544-6115.1585).
    """
    return (1 + int((null >= observed - _TIE).sum())) / (1 + len(null))


def _log_arrangements(labels: np.ndarray, blocks: np.ndarray) -> float:
    """Return the logarithm of the number of arrangements: the product of the multinomials of the blocks."""
    total = 0.0
    for block in np.unique(blocks):
        sizes = np.unique(labels[blocks == block], return_counts=True)[1]
        total += float(gammaln(sizes.sum() + 1) - gammaln(sizes + 1).sum())
    return total
