"""The control on pair distances as a predictor of further FOVs: the same forest, with probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from locgraph.analysis.controls import N_TREES, fit_max_distance, fov_descriptor
from locgraph.errors import DataError


class PairDistanceForest:
    """A forest on pair distances and extent, with or without the number of localisations.

    Trained on the same FOVs with the same seed, it predicts what the controls ``pair_distances_and_count`` and
    ``pair_distances`` of `locgraph.analysis.controls` predict.

    Args:
        positions: ``fov_id`` -> (N, D) float64 nm of the training FOVs.
        labels: ``fov_id`` -> class name.
        class_names: The K classes, in the order of the probabilities.
        seed: Seed of the forest.
        with_count: Whether it sees the number of localisations.

    Raises:
        DataError: No training FOV has localisations at different places.
    """

    def __init__(
        self,
        positions: Mapping[str, np.ndarray],
        labels: Mapping[str, str],
        class_names: Sequence[str],
        seed: int,
        with_count: bool,
    ) -> None:
        train = sorted(positions)
        self.class_names, self.with_count = tuple(class_names), with_count
        self.max_distance_nm = fit_max_distance(positions[fov] for fov in train)
        self._forest = RandomForestClassifier(n_estimators=N_TREES, random_state=seed, n_jobs=1)
        self._forest.fit(self._table([positions[fov] for fov in train]), np.array([labels[fov] for fov in train]))
        unknown = sorted({*self._forest.classes_.tolist()} - {*self.class_names})
        if unknown:
            raise DataError(f"expected labels among {list(self.class_names)}, found {unknown}")

    def predict(self, positions: Sequence[np.ndarray]) -> np.ndarray:
        """Return the probabilities of FOVs.

        A class that no tree votes for gets half a vote, or its probability would be 0 and one such mistake would make
        the mean logarithm infinite.

        Args:
            positions: (N, D) float64 nm of each FOV.

        Returns:
            (FOVs, K) float64, rows sum to 1.
        """
        votes = np.zeros((len(positions), len(self.class_names)))
        columns = [self.class_names.index(name) for name in self._forest.classes_]
        votes[:, columns] = self._forest.predict_proba(self._table(positions))
        votes = np.maximum(votes, _HALF_A_VOTE)
        return np.asarray(votes / votes.sum(axis=1, keepdims=True))

    def _table(self, positions: Sequence[np.ndarray]) -> np.ndarray:
        rows = [
            fov_descriptor(points, max_distance_nm=self.max_distance_nm, with_count=self.with_count)
            for points in positions
        ]
        return np.stack(rows)


_HALF_A_VOTE: Final = 0.5 / N_TREES
