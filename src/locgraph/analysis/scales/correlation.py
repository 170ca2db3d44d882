"""Ripley's L and the pair correlation of localisations in the focal plane, against complete spatial randomness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.spatial import cKDTree

from locgraph.analysis.scales.regions import Region
from locgraph.errors import DataError

_RADII: Final = 60
_LARGEST: Final = 0.25  # of the shorter side of a region: beyond it few pairs are left
_SMALLEST: Final = 200.0  # times smaller than the largest radius


@dataclass(frozen=True)
class Correlation:
    """Pairs of localisations against complete spatial randomness, of all regions together.

    Attributes:
        radii: In nm (R,), at equal ratios.
        l_minus_r: Ripley's L(r) - r in nm (R,): 0 at random, above 0 where localisations cluster.
        pair_correlation: g (R,) between the radius before and this one: 1 at random.
        peak: Radius of the largest L(r) - r in nm; None where nothing clusters, or it is the last radius.
        length: First radius at which g falls to 1 in nm; None where it never does.
    """

    radii: np.ndarray
    l_minus_r: np.ndarray
    pair_correlation: np.ndarray
    peak: float | None
    length: float | None


def correlate(regions: Sequence[Region]) -> Correlation:
    """Measure how localisations cluster at each distance.

    K(r) is pi r^2 times the pairs within r over those expected of as many localisations at random places of the same
    rectangle, L = sqrt(K / pi) (Ripley 1977, 10.1111/j.2517-6161.1977.tb01615.x; Besag in its discussion): the ratio
    corrects for the edges. Of domains on an empty background the peak of L(r) - r lies between their radius and their
    diameter (Kiskowski et al. 2009, 10.1016/j.bpj.2009.05.039).

    Args:
        regions: Where localisations are looked at; z is not.

    Raises:
        DataError: No region extends in both directions.
    """
    usable = [region for region in regions if region.side > 0 and len(region.points) > 1]
    if not usable:
        raise DataError("expected FOVs that extend along x and y, found none")
    largest = _LARGEST * float(np.median([region.side for region in usable]))
    usable = [region for region in usable if region.side >= largest]
    radii = np.geomspace(largest / _SMALLEST, largest, _RADII)
    seen, expected = np.zeros(_RADII), np.zeros(_RADII)
    for region in usable:
        n = len(region.points)
        tree = cKDTree(region.points[:, :2])
        seen += tree.count_neighbors(tree, radii) - n
        expected += n * (n - 1) * _within(radii, *region.window)
    l_minus_r = radii * (np.sqrt(seen / expected) - 1)
    g = np.diff(seen, prepend=0.0) / np.diff(expected, prepend=0.0)
    return Correlation(radii, l_minus_r, g, _peak(radii, l_minus_r), _length(radii, g))


def _within(radii: np.ndarray, width: float, height: float) -> np.ndarray:
    """Return the probability that two random points of a rectangle are within r, for r up to its shorter side."""
    area = width * height
    return radii**2 * (np.pi * area - 4 / 3 * radii * (width + height) + radii**2 / 2) / area**2


def _peak(radii: np.ndarray, l_minus_r: np.ndarray) -> float | None:
    place = int(np.argmax(l_minus_r))
    return float(radii[place]) if l_minus_r[place] > 0 and place < len(radii) - 1 else None


def _length(radii: np.ndarray, g: np.ndarray) -> float | None:
    """Return where g falls to 1, behind its maximum."""
    start = int(np.argmax(g))
    below = np.flatnonzero(g[start:] <= 1)
    return float(radii[start + below[0]]) if len(below) and g[start] > 1 else None
