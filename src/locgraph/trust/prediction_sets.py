"""Prediction sets: the classes that a FOV may have, at a stated error rate (split conformal prediction)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np


@dataclass(frozen=True)
class PredictionSets:
    """p-values of classes against FOVs with known classes, as in split conformal prediction.

    The nonconformity of a class is 1 - its probability (Sadinle et al. 2019, 10.1080/01621459.2017.1395341). The
    p-value of class k is the fraction of the N calibration FOVs, the FOV itself counted, whose true class conforms no
    better. Sets of the classes with p > 1 - coverage hold the true class with at least this probability, whatever the
    network, as long as new FOVs are drawn like the calibration FOVs (Vovk et al. 2005, Algorithmic Learning in a Random
    World).

    Args:
        scores: (N,) float64, nonconformity of the true class of each calibration FOV.
        classes: (N,) int64, their true classes.
        by_class: Compare each class with the calibration FOVs of this class alone, which gives the coverage within
            each class; otherwise with all.
    """

    scores: np.ndarray
    classes: np.ndarray
    by_class: bool = False

    @classmethod
    def fit(cls, probabilities: np.ndarray, targets: np.ndarray, by_class: bool = False) -> Self:
        """Fit to calibration FOVs: probabilities (N, K) float64 and targets (N,) int64."""
        return cls(1.0 - probabilities[np.arange(len(targets)), targets], targets, by_class)

    def p_values(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the p-value of each class for each FOV, (M, K) float64 above 0; M FOVs with probabilities (M, K)."""
        values = np.empty(probabilities.shape)
        for index in range(probabilities.shape[1]):
            scores = self.scores[self.classes == index] if self.by_class else self.scores
            # those at least as nonconforming as the FOV, with some room for rounding
            below = np.searchsorted(np.sort(scores), 1.0 - probabilities[:, index] - 1e-12, side="left")
            values[:, index] = (len(scores) - below + 1) / (len(scores) + 1)
        return values

    def contains(self, probabilities: np.ndarray, coverage: float) -> np.ndarray:
        """Return which classes are in the set of each FOV, (M, K) bool."""
        # p > 1 - coverage, where 0.05 and 1 - 0.95 are the same
        return self.p_values(probabilities) > 1.0 - coverage + 1e-9

    def too_few(self, coverage: float, n_classes: int) -> dict[int | None, int]:
        """Return the numbers of calibration FOVs that are too few to leave any class out, by class.

        Args:
            coverage: Coverage of the sets.
            n_classes: K.

        Returns:
            Class to number of its calibration FOVs; the key None stands for all classes.
        """
        sizes: dict[int | None, int] = {None: len(self.scores)}
        if self.by_class:
            sizes = {index: int((self.classes == index).sum()) for index in range(n_classes)}
        return {index: size for index, size in sizes.items() if 1.0 / (size + 1) > 1.0 - coverage + 1e-9}

    def to_plain(self) -> dict[str, Any]:
        """Return plain values, for a checkpoint."""
        return {"scores": self.scores.tolist(), "classes": self.classes.tolist(), "by_class": self.by_class}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Return the sets that `to_plain` wrote."""
        classes = np.array(plain["classes"], dtype=np.int64)
        return cls(np.array(plain["scores"], dtype=np.float64), classes, plain["by_class"])
