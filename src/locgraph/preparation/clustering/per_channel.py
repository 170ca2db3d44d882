"""Each channel by itself: no cluster spans two."""

from __future__ import annotations

import numpy as np

from locgraph.errors import DataError
from locgraph.preparation.clustering.base import Clusterer, by_first_appearance, checked, whole_numbers
from locgraph.schema import CHANNEL, NOISE


class PerChannel:
    """Clusters the localisations of each channel with another clusterer, as if the other channels were not there.

    Each channel has a seed of its own, drawn from the seed of the view and the number of the channel, so that its
    clusters do not depend on which other channels there are. Without this class, clusterers see positions alone, and
    clusters may span channels.

    Args:
        clusterer: Clusters one channel.
    """

    def __init__(self, clusterer: Clusterer) -> None:
        self.clusterer = clusterer
        self.needs: tuple[str, ...] = (CHANNEL, *(name for name in clusterer.needs if name != CHANNEL))

    def __call__(self, points: np.ndarray, seed: int, **columns: np.ndarray) -> np.ndarray:
        """Clusters points.

        Args:
            points: Positions (N, D) float64 nm, D is 2 or 3.
            seed: Non-negative seed.
            **columns: ``channel`` (N,), whole numbers from 0, and what the inner clusterer needs.

        Returns:
            Labels (N,) int64: -1 for noise, clusters numbered by first appearance.

        Raises:
            DataError: The column is absent, or holds something other than whole numbers from 0; or the points of a
                channel cannot be clustered.
        """
        points = checked(points)
        channel = whole_numbers(columns, CHANNEL, "per_channel")
        if len(channel) and channel.min() < 0:
            raise DataError(
                f"clustering=per_channel expected channels 0, 1, ..., found {int((channel < 0).sum())} of "
                f"{len(channel)} localisations without one; mend the column {CHANNEL}, or choose another clustering"
            )
        labels = np.full(len(points), NOISE, dtype=np.int64)
        clusters = 0
        for index in np.unique(channel).tolist():
            rows = np.flatnonzero(channel == index)
            part = self._one_channel(
                index, points[rows], seed, {name: columns[name][rows] for name in self.clusterer.needs}
            )
            labels[rows] = np.where(part < 0, NOISE, part + clusters)
            clusters += int(part.max()) + 1
        return by_first_appearance(labels)

    def _one_channel(self, index: int, points: np.ndarray, seed: int, columns: dict[str, np.ndarray]) -> np.ndarray:
        own_seed = int(np.random.default_rng([seed, index]).integers(2**31))
        try:
            return self.clusterer(points, own_seed, **columns)
        except DataError as error:
            raise DataError(f"channel {index}: {error}") from error
