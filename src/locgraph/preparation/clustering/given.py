"""Already clustered: the clusters that the source of the data names."""

from __future__ import annotations

import numpy as np

from locgraph.preparation.clustering.base import by_first_appearance, checked, whole_numbers
from locgraph.schema import SOURCE_CLUSTER


class Given:
    """Takes the clusters of the column ``source_cluster`` as they are.

    Localisations with a negative number, or none, are noise. Clusters are renumbered by first appearance, so any
    numbers will do. Where a view holds part of the localisations, its clusters are what is left of these.
    """

    needs: tuple[str, ...] = (SOURCE_CLUSTER,)

    def __call__(self, points: np.ndarray, seed: int, **columns: np.ndarray) -> np.ndarray:
        """Clusters points.

        Args:
            points: Positions (N, D) float64 nm, D is 2 or 3; checked alone.
            seed: Part of the contract of a clusterer; nothing is drawn.
            **columns: ``source_cluster`` (N,), whole numbers.

        Returns:
            Labels (N,) int64: -1 for noise, clusters numbered by first appearance.

        Raises:
            DataError: The points have the wrong shape or are not finite, or the column is absent or holds something
                other than whole numbers.
        """
        checked(points)
        given = whole_numbers(columns, SOURCE_CLUSTER, "given")
        noise = given < 0
        labels = np.unique(given, return_inverse=True)[1]  # numbers of tracks can be large
        labels[noise] = -1
        return by_first_appearance(labels)
