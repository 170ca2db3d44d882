"""No clustering: all localisations of a field of view are one cluster."""

from __future__ import annotations

import numpy as np

from locgraph.preparation.clustering.base import checked


class One:
    """Puts every localisation into the same cluster, for models that see a FOV as one point cloud."""

    needs: tuple[str, ...] = ()

    def __call__(self, points: np.ndarray, seed: int, **columns: np.ndarray) -> np.ndarray:
        """Clusters points.

        Args:
            points: Positions (N, D) float64 nm, D is 2 or 3; checked alone.
            seed: Part of the contract of a clusterer; nothing is drawn.
            **columns: Part of the contract; there are none, since ``needs`` is empty.

        Returns:
            Labels (N,) int64, all 0.

        Raises:
            DataError: The points have the wrong shape, are not finite, or lie more than 1000 km apart.
        """
        return np.zeros(len(checked(points)), dtype=np.int64)
