"""The histogram of the distances between all pairs of localisations."""

from __future__ import annotations

import numba
import numpy as np
import polars as pl

from locgraph.errors import ConfigError
from locgraph.graphs.descriptors.base import check_unit, sampled, unit_of
from locgraph.schema import Column


class PairDistances:
    """Histogram of pair distances: the distribution D2 of Osada et al. 2002, 10.1145/571647.571648.

    Bins have equal width from 0 to ``longest``, the last one also holds all that is farther. It sums to 1, or to 0
    where there is one localisation alone. Of more than ``MAX_LOCALISATIONS`` localisations a random subset, the same
    every time, gives the pairs, so that time does not grow with the square of their number.

    Args:
        n_bins: Number of bins.
        longest: Upper end of the histogram, in units of distance.
        nm_per_unit: Nanometres in one unit of distance; None takes the extent of each FOV, the root mean square
            distance of its localisations from their centre, so that the histogram tells shape and not size.

    Raises:
        ConfigError: A number is out of range.
    """

    def __init__(self, n_bins: int = 32, longest: float = 4.0, nm_per_unit: float | None = None) -> None:
        if n_bins < 1 or not 0.0 < longest < np.inf:
            raise ConfigError(
                "graph.descriptors.pair_distances expects n_bins of at least 1 and longest above 0, found "
                f"n_bins={n_bins}, longest={longest}"
            )
        check_unit("graph.descriptors.pair_distances", nm_per_unit)
        self.n_bins, self.longest, self.nm_per_unit = n_bins, float(longest), nm_per_unit

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """What it gives in 2 or 3 dimensions."""
        meaning = "part of the pairs of localisations with a distance in this bin"
        return tuple(Column(f"pair_distances_{index}", pl.Float32, "1", meaning) for index in range(self.n_bins))

    def compute(self, points: np.ndarray) -> np.ndarray:
        """Positions (N, D) float64 nm about their mean to (n_bins,) float64."""
        return pair_histogram(sampled(points), self.n_bins, self.longest * unit_of(points, self.nm_per_unit))


def pair_histogram(points: np.ndarray, n_bins: int, longest: float) -> np.ndarray:
    """Part of the pairs whose distance lies in each of the bins of equal width from 0 to ``longest``.

    Args:
        points: Positions (N, D) float64, any unit; time grows with the square of N.
        n_bins: Number of bins; the last one also holds all that is farther.
        longest: Upper end, in the unit of the points.

    Returns:
        (n_bins,) float64 that sum to 1, or to 0 where there is no pair.
    """
    counts = _count_pairs(np.ascontiguousarray(points), n_bins, float(longest))
    return counts / max(int(counts.sum()), 1)


@numba.njit(cache=True)
def _count_pairs(points: np.ndarray, n_bins: int, longest: float) -> np.ndarray:  # pragma: no cover (compiled)
    """Number of pairs in each bin, (n_bins,) int64, without ever holding all distances."""
    counts = np.zeros(n_bins, dtype=np.int64)
    per_length = n_bins / longest
    for first in range(points.shape[0]):
        for second in range(first):
            squared = 0.0
            for axis in range(points.shape[1]):
                squared += (points[first, axis] - points[second, axis]) ** 2
            # compared as a number: a distance far outside would overflow an integer
            place = np.sqrt(squared) * per_length
            counts[int(place) if place < n_bins else n_bins - 1] += 1
    return counts
