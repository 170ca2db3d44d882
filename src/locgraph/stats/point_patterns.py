"""Points of several classes in a window: nearest neighbours against randomness, by simulation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Final

import numpy as np
from scipy.spatial import ConvexHull, Delaunay, QhullError, cKDTree

from locgraph.errors import DataError
from locgraph.stats.intervals import LEVEL
from locgraph.stats.permutation import permutation_p

CSR: Final = "complete spatial randomness"
RELABELLING: Final = "random relabelling"
FEWEST_POINTS: Final = 5
"""Of fewer points of a class its neighbours are not tested."""
_MOST_QUERIES: Final = 1000
"""Of more points of a class the distances of some are taken; each point may be a neighbour all the same."""


class Window:
    """A convex region.

    Args:
        points: (N, D) float64; it is their convex hull.

    Attributes:
        corners: (M, D) float64, its corners.
        size: Its area, or its volume in 3D.

    Raises:
        DataError: Points are too few, or on a line or plane, so that they span nothing.
    """

    def __init__(self, points: np.ndarray) -> None:
        try:
            hull = ConvexHull(points)
        except (QhullError, ValueError) as error:
            raise DataError(
                f"{len(points)} localisations span no {'area' if points.shape[1] == 2 else 'volume'}"
            ) from error
        self.corners = points[hull.vertices]
        self.size = float(hull.volume)  # the area in 2D, as scipy calls it
        self._simplices = self.corners[Delaunay(self.corners).simplices]
        edges = self._simplices[:, 1:] - self._simplices[:, :1]
        weights = np.abs(np.linalg.det(edges))
        self._weights = weights / weights.sum()

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return ``n`` points drawn uniformly, (n, D) float64."""
        chosen = self._simplices[rng.choice(len(self._simplices), n, p=self._weights)]
        weights = rng.dirichlet(np.ones(chosen.shape[1]), n)
        return np.einsum("nk,nkd->nd", weights, chosen)


def bounding_box(points: np.ndarray) -> np.ndarray:
    """Return the corners (2^D, D) of the smallest box around points (N, D)."""
    low, high = points.min(axis=0), points.max(axis=0)
    return np.stack(np.meshgrid(*zip(low, high, strict=True), indexing="ij"), axis=-1).reshape(-1, points.shape[1])


@dataclass(frozen=True)
class NeighbourTest:
    """Mean distance to the nearest neighbour against randomness.

    Attributes:
        null: `CSR` or `RELABELLING`.
        source: Class of the points; None for points of all classes.
        target: Class of their neighbours; None for points of all classes.
        n_source: Number of points.
        n_target: Number of possible neighbours.
        observed: Mean distance.
        expected: Mean of the simulated mean distances.
        low: 2.5 % of the simulated mean distances are below.
        high: 2.5 % are above.
        p: Two-sided p-value.
    """

    null: str
    source: str | None
    target: str | None
    n_source: int
    n_target: int
    observed: float
    expected: float
    low: float
    high: float
    p: float

    @property
    def ratio(self) -> float:
        """Observed over expected: below 1 closer together, above 1 farther apart (Clark and Evans 1954)."""
        return self.observed / self.expected


def mean_nearest(source: np.ndarray, target: np.ndarray | None = None) -> float:
    """Return the mean distance from points (N, D) to the nearest of others (M, D); None: of each other."""
    if target is None:
        distances = _tree(source).query(source[:_MOST_QUERIES], k=2)[0][:, 1]
    else:
        distances = _tree(target).query(source[:_MOST_QUERIES])[0]
    return float(distances.mean())


def neighbour_tests(
    points: np.ndarray, classes: Sequence[str | None], window: Window | None, n_simulations: int, seed: int
) -> list[NeighbourTest]:
    """Test the nearest neighbours within and between classes.

    Under complete spatial randomness as many points of each class are drawn in the window: distances across its edge
    are lost there as they are in the data, so that no further correction of edges is needed (Clark and Evans 1954,
    10.2307/1931034; Donnelly 1978). Under random relabelling points stay where they are and exchange their classes
    (Diggle 2003, Statistical Analysis of Spatial Point Patterns): within a class among all points, between two classes
    among the points of these two. p is that of a Monte Carlo test, (1 + b) / (1 + n), doubled for two sides.

    Args:
        points: (N, D) float64 positions.
        classes: Class of each; None for points that are in none, which count among all points alone.
        window: Where the points could be; None tests no complete spatial randomness.
        n_simulations: Of each null hypothesis.
        seed: Of all draws.

    Returns:
        Tests of all points, of each class with `FEWEST_POINTS`, and of each two such classes, in both directions.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(points))  # the first points of a class are a random choice of them
    points, names = points[order], np.array(classes, dtype=object)[order]
    own = {name: points[names == name] for name in dict.fromkeys(classes) if name is not None}
    own = {name: its for name, its in sorted(own.items()) if len(its) >= FEWEST_POINTS}
    observed = dict(_distances(points, own))
    tests = []
    if window is not None:
        sizes = {name: len(its) for name, its in own.items()}
        tests += _tests(CSR, observed, own, len(points), _random(window, len(points), sizes, n_simulations, rng))
    if len(own) > 1:
        decided = points[[name is not None for name in names]]
        relabelled = _relabelled(decided, own, n_simulations, rng)
        tests += _tests(RELABELLING, observed, own, len(points), relabelled)
    return tests


_Pair = tuple[str | None, str | None]


def _distances(points: np.ndarray, own: dict[str, np.ndarray]) -> Iterator[tuple[_Pair, float]]:
    """Yield the mean distance of all points, within each class, and between classes."""
    if len(points) >= FEWEST_POINTS:
        yield (None, None), mean_nearest(points)
    for name, its in own.items():
        yield (name, name), mean_nearest(its)
    for first, second in permutations(own, 2):
        yield (first, second), mean_nearest(own[first], own[second])


def _random(
    window: Window, n: int, sizes: dict[str, int], n_simulations: int, rng: np.random.Generator
) -> dict[_Pair, list[float]]:
    simulated: dict[_Pair, list[float]] = {}
    ends = dict(zip(sizes, np.cumsum([*sizes.values()]), strict=True))
    for _ in range(n_simulations):
        drawn = window.draw(n, rng)
        own = {name: drawn[ends[name] - size : ends[name]] for name, size in sizes.items()}
        for pair, distance in _distances(drawn, own):
            simulated.setdefault(pair, []).append(distance)
    return simulated


def _relabelled(
    decided: np.ndarray, own: dict[str, np.ndarray], n_simulations: int, rng: np.random.Generator
) -> dict[_Pair, list[float]]:
    simulated: dict[_Pair, list[float]] = {}
    for name, its in own.items():
        simulated[name, name] = [
            mean_nearest(decided[rng.permutation(len(decided))[: len(its)]]) for _ in range(n_simulations)
        ]
    for first, second in permutations(own, 2):
        both, n = np.concatenate([own[first], own[second]]), len(own[first])
        shuffled = (both[rng.permutation(len(both))] for _ in range(n_simulations))
        simulated[first, second] = [mean_nearest(each[:n], each[n:]) for each in shuffled]
    return simulated


def _tests(
    null: str,
    observed: dict[_Pair, float],
    own: dict[str, np.ndarray],
    n_points: int,
    simulated: dict[_Pair, list[float]],
) -> list[NeighbourTest]:
    tests = []
    for pair, values in simulated.items():
        if not values:
            continue
        distances = np.array(values)
        low, high = np.quantile(distances, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        p = min(permutation_p(observed[pair], distances), permutation_p(-observed[pair], -distances))
        n_source, n_target = (n_points if name is None else len(own[name]) for name in pair)
        means = observed[pair], float(distances.mean())
        tests.append(NeighbourTest(null, *pair, n_source, n_target, *means, float(low), float(high), min(1.0, 2 * p)))
    return tests


def _tree(points: np.ndarray) -> cKDTree:
    return cKDTree(points, balanced_tree=False, compact_nodes=False)
