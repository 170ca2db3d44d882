"""Intrinsic dimension of points: on how many axes they vary, from the distances to nearest neighbours alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from sklearn.neighbors import NearestNeighbors

from locgraph.errors import DataError
from locgraph.stats.bootstrap import ratio_interval
from locgraph.stats.intervals import Interval

FEWEST_POINTS: Final = 20
"""Of fewer different points no dimension is estimated."""
_KEPT: Final = 0.9
_SMALLEST_PART, _LARGEST_PART, _SIZES = 0.008, 0.016, 5
_FEWEST_NEIGHBOURS: Final = 3


@dataclass(frozen=True)
class Neighbours:
    """Distances of different points to their nearest neighbours.

    Attributes:
        distances: (N, K) float64, above 0, ascending in each row.
        owners: (N,) what each point is of.
        n_repeated: Points that lie on another one, which are left out.
    """

    distances: np.ndarray
    owners: np.ndarray
    n_repeated: int


def neighbour_distances(points: np.ndarray, owners: np.ndarray, k: int) -> Neighbours:
    """Return the distances to the ``k`` nearest other places, of all different points.

    Points at one place would have the distance 0, whose logarithm no estimate takes: the first of them is kept.

    Args:
        points: (N, L) float64.
        owners: (N,) what each is of: a patient, a FOV.
        k: Number of neighbours, at least 2; fewer where there are fewer points.

    Raises:
        DataError: There are fewer than `FEWEST_POINTS` different points.
    """
    _, first = np.unique(points, axis=0, return_index=True)
    kept = np.sort(first)
    if len(kept) < FEWEST_POINTS:
        raise DataError(
            f"the intrinsic dimension needs at least {FEWEST_POINTS} different vectors, found {len(kept)} among "
            f"{len(points)}"
        )
    places = points[kept] - points[kept].mean(axis=0)  # distances of points far from the origin lose digits
    search = NearestNeighbors(n_neighbors=min(k, len(kept) - 1), algorithm="brute" if places.shape[1] > 15 else "auto")
    distances, _ = search.fit(places).kneighbors()
    # rounding may give two different points the distance 0
    whole = distances[:, 0] > 0
    return Neighbours(distances[whole], owners[kept][whole], len(points) - int(whole.sum()))


def two_nearest_neighbours(neighbours: Neighbours, seed: int = 0) -> Interval:
    """Return the TwoNN estimate (Facco et al. 2017, 10.1038/s41598-017-11873-y).

    The logarithm of r_2 / r_1 is exponential with the dimension as its rate. In place of a line through the empirical
    distribution without its largest tenth, its likelihood is maximised, censored at the same quantile: the number of
    values below it over the sum of all, those above counted as the quantile.

    Args:
        neighbours: Distances with at least two columns.
        seed: Of the bootstrap over owners.
    """
    logs = np.log(neighbours.distances[:, 1] / neighbours.distances[:, 0])
    limit = np.quantile(logs, _KEPT)
    if limit <= 0:
        raise DataError("the two nearest neighbours of most vectors are equally far: there is no intrinsic dimension")
    return ratio_interval((logs <= limit).astype(np.float64), np.minimum(logs, limit), neighbours.owners, seed)


def neighbour_numbers(n: int) -> tuple[int, ...]:
    """Return how many neighbours Levina and Bickel's estimate takes of ``n`` points: 0.8 % to 1.6 % of them.

    Raises:
        DataError: 0.8 % are fewer than 3, with which the estimate means nothing.
    """
    sizes = sorted({int(n * part) for part in np.linspace(_SMALLEST_PART, _LARGEST_PART, _SIZES)})
    if sizes[0] < _FEWEST_NEIGHBOURS:
        least = int(np.ceil(_FEWEST_NEIGHBOURS / _SMALLEST_PART))
        raise DataError(
            f"0.8 % of {n} different vectors are fewer than {_FEWEST_NEIGHBOURS} neighbours; at least {least} are "
            "needed"
        )
    return tuple(sizes)


def levina_bickel(neighbours: Neighbours, ks: tuple[int, ...], seed: int = 0) -> Interval:
    """Return the maximum likelihood estimate of Levina and Bickel (2004, NIPS 17), the mean over numbers of neighbours.

    The inverse of the estimate is averaged over points, as the likelihood of all of them demands (MacKay and
    Ghahramani 2005, https://www.inference.org.uk/mackay/dimension/): the mean of the estimates themselves is dominated
    by single points.

    Args:
        neighbours: Distances with at least ``max(ks)`` columns.
        ks: Numbers of neighbours, at least 3.
        seed: Of the bootstrap over owners.
    """
    logs = np.log(neighbours.distances)
    estimates = []
    for k in ks:
        # sum over the k - 1 inner neighbours of log(T_k / T_j)
        sums = (k - 1) * logs[:, k - 1] - logs[:, : k - 1].sum(axis=1)
        if sums.sum() <= 0:
            raise DataError("all neighbours are equally far: there is no intrinsic dimension")
        estimates.append(ratio_interval(np.full(len(sums), k - 1.0), sums, neighbours.owners, seed))
    return _mean(estimates)


def _mean(intervals: list[Interval]) -> Interval:
    estimate = float(np.mean([each.estimate for each in intervals]))
    if any(each.low is None or each.high is None for each in intervals):
        return Interval(estimate, None, None, intervals[0].reason)
    ends = np.array([(each.low, each.high) for each in intervals], dtype=np.float64).mean(axis=0)
    return Interval(estimate, float(ends[0]), float(ends[1]))
