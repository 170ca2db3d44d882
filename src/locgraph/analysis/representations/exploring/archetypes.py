"""Archetypes: few extreme points of which every unit is nearly a mixture (Cutler and Breiman 1994).

With X (N, F) the units, archetypes Z = B X are mixtures of units, and units are approximated by mixtures A Z of
archetypes; rows of A (N, K) and B (K, N) are not negative and sum to 1. Both are found in turn by accelerated projected
gradients, started from units far from each other: Cutler and Breiman 1994 (10.1080/00401706.1994.10485840), Morup and
Hansen 2012 (10.1016/j.neucom.2011.06.033), projection of Duchi et al. 2008 (10.1145/1390156.1390191).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.spatial.distance import cdist

from locgraph.errors import ConfigError
from locgraph.settings import check_whole

_INNER: Final = 20
_OUTER: Final = 300
_TOLERANCE: Final = 1e-5
_STARTS: Final = 3
_COUNT: Final = 4


@dataclass(frozen=True)
class ArchetypeSettings:
    """Settings of archetypes.

    Args:
        count: Number of archetypes; None takes the number of classes, or 4 where there are fewer than two.
        members: Nearest units of each archetype.
        most_units: Of more units archetypes are sought among this many random ones; all get weights.

    Raises:
        ConfigError: A setting is out of range.
    """

    count: int | None = None
    members: int = 4
    most_units: int = 2000

    def __post_init__(self) -> None:
        if self.count is not None:
            check_whole("count", self.count, at_least=2)
        check_whole("members", self.members, at_least=1)
        check_whole("most_units", self.most_units, at_least=10)

    def choose_count(self, n_classes: int, n_units: int) -> int:
        """Return the number of archetypes for so many classes and units."""
        if self.count is not None:
            return self.count
        return min(n_classes if n_classes > 1 else _COUNT, n_units)


@dataclass(frozen=True)
class Archetypes:
    """Extreme points and what units are made of.

    Attributes:
        points: Archetypes (K, F) float64.
        weights: Share of each archetype in each unit (N, K) float64; rows sum to 1.
        explained: Fraction of the variance of the units that mixtures of archetypes explain, at most 1.
    """

    points: np.ndarray
    weights: np.ndarray
    explained: float


def find_archetypes(values: np.ndarray, count: int, seed: int, most_units: int = 2000) -> Archetypes:
    """Find archetypes of units.

    Args:
        values: (N, F) float64.
        count: Number of archetypes K.
        seed: Of starts, and of the choice among many units.
        most_units: Of more units archetypes are sought among this many random ones; all get weights.

    Returns:
        The best of three starts. Archetypes are sorted by their mean share, the largest first.

    Raises:
        ConfigError: There are fewer different units than archetypes.
    """
    rng = np.random.default_rng(seed)
    centred = values - values.mean(axis=0)
    chosen = centred
    if len(values) > most_units:
        chosen = centred[np.sort(rng.choice(len(values), most_units, replace=False))]
    different = len(np.unique(chosen, axis=0))
    if different < count:
        raise ConfigError(
            f"expected at most the {different} units that differ, found {count} archetypes", setting="count"
        )
    fits = [_fit(chosen, spread_rows(chosen, count, rng)) for _ in range(_STARTS)]
    points, _ = min(fits, key=lambda fit: fit[1])
    weights = mixture_weights(centred, points)
    order = np.argsort(-weights.mean(axis=0), kind="stable")
    points, weights = points[order], weights[:, order]
    left = float(((centred - weights @ points) ** 2).sum())
    return Archetypes(points + values.mean(axis=0), weights, 1 - left / float((centred**2).sum()))


def _fit(values: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, float]:
    """Return archetypes (K, F) that start as the units of ``rows``, and the sum of squares that they leave."""
    mixtures = np.zeros((len(rows), len(values)))
    mixtures[np.arange(len(rows)), rows] = 1.0
    size = float(np.linalg.norm(values, 2)) ** 2
    weights: np.ndarray | None = None
    before = np.inf
    for _ in range(_OUTER):
        points = mixtures @ values
        weights = mixture_weights(values, points, weights, _INNER)
        gram, cross = weights.T @ weights, weights.T @ values

        def slope(b: np.ndarray, gram: np.ndarray = gram, cross: np.ndarray = cross) -> np.ndarray:
            return np.asarray((gram @ (b @ values) - cross) @ values.T)

        mixtures = _descend(mixtures, slope, float(np.linalg.norm(gram, 2)) * size, _INNER)
        left = float(((values - weights @ (mixtures @ values)) ** 2).sum())
        if before - left <= _TOLERANCE * max(left, 1e-9 * size):
            break
        before = left
    return mixtures @ values, left


def mixture_weights(
    values: np.ndarray, points: np.ndarray, start: np.ndarray | None = None, steps: int = 500
) -> np.ndarray:
    """Return the weights (N, K) of the mixtures of points (K, F) that are nearest to values (N, F)."""
    gram, cross = points @ points.T, values @ points.T
    if start is None:
        start = np.full((len(values), len(points)), 1.0 / len(points))
    return _descend(start, lambda a: np.asarray(a @ gram - cross), float(np.linalg.norm(gram, 2)), steps)


def _descend(start: np.ndarray, slope: Callable[[np.ndarray], np.ndarray], curvature: float, steps: int) -> np.ndarray:
    """Return rows on the simplex after accelerated projected gradient steps, restarted where momentum goes uphill.

    O'Donoghue and Candes 2015 (10.1007/s10208-013-9150-3).
    """
    current, ahead, momentum = start, start, 1.0
    for _ in range(steps):
        following = project_on_simplex(ahead - slope(ahead) / max(curvature, 1e-300))
        if float(((ahead - following) * (following - current)).sum()) > 0:
            ahead, momentum = current, 1.0
            following = project_on_simplex(ahead - slope(ahead) / max(curvature, 1e-300))
        faster = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = following + (momentum - 1) / faster * (following - current)
        moved = float(np.abs(following - current).max())
        current, momentum = following, faster
        if moved < 1e-9:
            break
    return current


def project_on_simplex(rows: np.ndarray) -> np.ndarray:
    """Return the nearest rows (N, K) that are not negative and sum to 1."""
    descending = -np.sort(-rows, axis=1)
    excess = (np.cumsum(descending, axis=1) - 1) / np.arange(1, rows.shape[1] + 1)
    last = (descending > excess).sum(axis=1) - 1
    return np.asarray(np.maximum(rows - np.take_along_axis(excess, last[:, None], axis=1), 0.0))


def spread_rows(values: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return rows (K,) of units far from each other: each has the largest sum of distances to those before it.

    The first ones, which depend on the unit begun with, are chosen anew at the end (Morup and Hansen 2012).
    """
    rows = [int(rng.integers(len(values)))]
    for turn in range(2 * count):
        if turn >= count:
            rows.pop(0)
        while len(rows) < count:
            total = cdist(values[rows], values).sum(axis=0)
            total[rows] = -1.0
            rows.append(int(total.argmax()))
    return np.array(rows)
