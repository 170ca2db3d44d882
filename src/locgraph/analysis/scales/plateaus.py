"""Ranges of settings over which a clustering stays the same, and the scales that they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from locgraph.analysis.scales.scan import Scan

AGREEMENT: Final = 0.9
"""Adjusted Rand index from which two neighbouring settings count as the same clustering."""
_FEWEST: Final = 2.0  # clusters of a region: fewer say nothing about distances between them
_MOST_NOISE: Final = 0.9
_USUAL_NOISE: Final = 0.3  # where nothing is stable, sparse cores of clusters are steadiest: they are not meant
_LARGEST_SHARE: Final = 0.8  # of the largest cluster: beyond it all has grown together
_WIDTH: Final = 1.25  # ratio of the ends of a plateau: less is one step of the scan
_LEVELS_APART: Final = 2.0  # ratio of diameters from which two plateaus are different scales
_SAME_NUMBER: Final = 0.05


@dataclass(frozen=True)
class Plateau:
    """A range of radii with the same clusters.

    Attributes:
        min_samples: Localisations that make a core point.
        low: Smallest radius in nm.
        high: Largest radius in nm.
        eps: The radius in the middle (of the ratios) in nm, to three digits.
        clusters: Clusters in a region, on average.
        noise: Part of the localisations in none.
        diameter: Median diameter of the clusters in nm, see `cluster_diameters`.
        agreement: Mean adjusted Rand index between neighbouring radii.
    """

    min_samples: int
    low: float
    high: float
    eps: float
    clusters: float
    noise: float
    diameter: float
    agreement: float

    @property
    def score(self) -> float:
        """How much speaks for it: the logarithm of its width times the agreement."""
        return float(np.log(self.high / self.low) * self.agreement)


def find_plateaus(scanned: Scan) -> list[Plateau]:
    """Return all plateaus of a scan, those of small clusters first; see `is_meaningful`."""
    found = []
    for column in range(len(scanned.min_samples)):
        good = is_meaningful(scanned)[:, column]
        same = good[1:] & good[:-1] & (scanned.agreement[:, column] >= AGREEMENT)
        plateaus = [_plateau(scanned, column, start, stop) for start, stop in _runs(same)]
        found += [plateau for plateau in plateaus if plateau.high / plateau.low >= _WIDTH]
    return sorted(found, key=lambda plateau: plateau.diameter)


def find_steadiest(scanned: Scan) -> Plateau | None:
    """Return the radius whose clusters change least from the one before to the one after it, with these as its ends.

    Returns:
        What to take where there is no plateau, with at most 30 % noise; None where no clustering is meaningful.
    """
    good = is_meaningful(scanned) & (scanned.noise <= _USUAL_NOISE)
    inner = good[1:-1] & good[:-2] & good[2:]
    if not inner.any():
        return None
    means = np.where(inner, (scanned.agreement[1:] + scanned.agreement[:-1]) / 2, -np.inf)
    row, column = np.unravel_index(int(np.argmax(means)), means.shape)
    return _plateau(scanned, int(column), int(row), int(row) + 2)


def is_meaningful(scanned: Scan) -> np.ndarray:
    """Return which clusterings count (E, M) bool.

    Regions hold at least two clusters, at most 90 % of the localisations are noise, and no cluster holds more than 80 %
    of those in clusters: clusterings of nothing, or of all in one, agree as well.
    """
    return np.asarray(
        (scanned.clusters >= _FEWEST) & (scanned.noise <= _MOST_NOISE) & (scanned.largest <= _LARGEST_SHARE)
    )


def _plateau(scanned: Scan, column: int, start: int, stop: int) -> Plateau:
    """Return the settings from one radius to another."""
    low, high, middle = scanned.eps[start], scanned.eps[stop], (start + stop) // 2
    return Plateau(
        min_samples=scanned.min_samples[column],
        low=float(low),
        high=float(high),
        eps=float(f"{np.sqrt(low * high):.3g}"),
        clusters=float(scanned.clusters[middle, column]),
        noise=float(scanned.noise[middle, column]),
        diameter=float(scanned.diameter[middle, column]),
        agreement=float(scanned.agreement[start:stop, column].mean()),
    )


def find_levels(plateaus: Sequence[Plateau]) -> list[Plateau]:
    """Return the best plateau of each scale, the finest first.

    Plateaus are of one scale where their diameters, in order, rise by less than a factor of 2 from one to the next. The
    best has the largest `Plateau.score` of those whose number of clusters is within 5 % of the median of the scale, as
    a small ``min_samples`` makes clusters of the background, too.
    """
    levels: list[list[Plateau]] = []
    for plateau in plateaus:
        if levels and plateau.diameter < _LEVELS_APART * levels[-1][-1].diameter:
            levels[-1].append(plateau)
        else:
            levels.append([plateau])
    return [_best(level) for level in levels]


def _best(level: Sequence[Plateau]) -> Plateau:
    usual = float(np.median([plateau.clusters for plateau in level]))
    away = [abs(plateau.clusters - usual) for plateau in level]
    limit = max(min(away), _SAME_NUMBER * usual)
    agreed = [plateau for plateau, distance in zip(level, away, strict=True) if distance <= limit]
    return max(agreed, key=lambda plateau: plateau.score)


def joined_from(scanned: Scan) -> float | None:
    """Return the smallest radius in nm from which all localisations in clusters are mostly in one; None for none."""
    together = (scanned.largest[:, 0] > _LARGEST_SHARE) & (scanned.noise[:, 0] <= _MOST_NOISE)
    last_apart = np.flatnonzero(~together)
    first = int(last_apart[-1]) + 1 if len(last_apart) else 0
    return float(scanned.eps[first]) if first < len(scanned.eps) else None


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """Return the runs of true (start, stop): settings ``start`` to ``stop`` agree each with the next."""
    changes = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return list(zip(changes[::2].tolist(), changes[1::2].tolist(), strict=True))
