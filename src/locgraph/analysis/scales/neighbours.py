"""Distances to the k-th neighbour: Ester et al. 1996 (KDD-96, 226-231) read the radius of DBSCAN from their curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.spatial import cKDTree

from locgraph.analysis.scales.regions import Region
from locgraph.errors import DataError

_ENDS: Final = 0.005  # part of the curve at either end that single localisations decide
_POINTS: Final = 200


@dataclass(frozen=True)
class NeighbourCurve:
    """Sorted distances to the k-th neighbour, of all regions together.

    Attributes:
        k: Which neighbour; the localisation itself counts, as in ``min_samples``.
        fractions: Part of the localisations (P,) 0 to 1.
        distances: Distance in nm that this part does not exceed (P,).
        knee: The distance at the knee of the curve, in nm.
    """

    k: int
    fractions: np.ndarray
    distances: np.ndarray
    knee: float


def neighbour_curve(regions: Sequence[Region], k: int) -> NeighbourCurve:
    """Return the curve of the distances to the k-th neighbour, with its knee.

    The knee is the point farthest below the straight line between the ends of the curve (Kneedle, Satopaa et al. 2011,
    10.1109/ICDCSW.2011.20), with distances on a logarithmic axis: where the last localisations in clusters are left
    behind, whatever the density of the background.

    Args:
        regions: Where localisations are looked at.
        k: Which neighbour, at least 2; the localisation itself counts.

    Raises:
        DataError: No region holds k localisations at different places.
    """
    parts = [_distances(region.points, k) for region in regions if len(region.points) >= k]
    found = np.concatenate(parts) if parts else np.empty(0)
    found = np.sort(found[found > 0])
    if len(found) < k:
        raise DataError(
            f"expected FOVs with at least {k} localisations at different places, found none; give others, or smaller "
            "min_samples"
        )
    fractions = np.linspace(_ENDS, 1 - _ENDS, _POINTS)
    distances = np.quantile(found, fractions)
    heights = np.log(distances)
    line = heights[0] + (heights[-1] - heights[0]) * (fractions - fractions[0]) / (fractions[-1] - fractions[0])
    return NeighbourCurve(k, fractions, distances, float(distances[np.argmax(line - heights)]))


def _distances(points: np.ndarray, k: int) -> np.ndarray:
    return cKDTree(points).query(points, [k])[0][:, 0]
