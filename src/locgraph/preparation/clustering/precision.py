"""DBSCAN in units of localisation precision: how far two localisations are apart, beside their own uncertainty."""

from __future__ import annotations

import itertools
from typing import Final, NamedTuple

import numba
import numpy as np

from locgraph.errors import ConfigError, DataError
from locgraph.preparation.clustering.base import centre_points, number_clusters, positive_column, sort_by_cell
from locgraph.preparation.clustering.dbscan import REACH, comes_first, first_neighbour_cells, in_run, root
from locgraph.schema import NOISE, PRECISION, PRECISION_Z
from locgraph.settings import check_number, check_whole

_ROUNDING: Final = 2.0**-50  # of a quotient in float64, with a margin
_MAX_MARGIN: Final = 0.1


class PrecisionDBSCAN:
    """DBSCAN (Ester et al. 1996, KDD-96, 226-231) whose distance is in standard deviations of localisation error.

    The distance of two localisations i and j is

        d^2 = ((x_i - x_j)^2 + (y_i - y_j)^2) / (s_i^2 + s_j^2) + (z_i - z_j)^2 / (t_i^2 + t_j^2)

    with their ``precision`` s and, in 3D, ``precision_z`` t. Two localisations of one point have a d^2 with the
    chi-square distribution of 2 or 3 degrees of freedom, whatever their photons: 95 % lie within 2.45 in 2D and 2.80 in
    3D. That neighbourhoods should follow the precision is the point of Loerzing et al. 2024
    (10.1021/acs.jpcb.4c02030), whose ellipsoid, one for all localisations, is `AnisotropicDBSCAN`.

    Core points, noise and ties are as in `DBSCAN`: exact, independent of the order of rows, and unchanged where the FOV
    is turned in the focal plane. A localisation of very poor precision is near to everything, and may join clusters:
    filter by precision before (``preprocess=precision``).

    Args:
        eps: Radius of the neighbourhood in standard deviations, points at exactly this distance included. Larger joins
            clusters.
        min_samples: Points within the radius, the point itself among them, that make a core point. Larger turns sparse
            clusters into noise.
        dimensions: 2, or 3 for data in 3D, which need ``precision_z``.

    Raises:
        ConfigError: A setting is out of range.
    """

    def __init__(self, eps: float, min_samples: int, dimensions: int = 2) -> None:
        self.eps = check_number("eps", eps, above=0.0)
        self.min_samples = check_whole("min_samples", min_samples, at_least=1)
        if dimensions not in (2, 3):
            raise ConfigError(f"expected 2 or 3, found {dimensions!r}", setting="dimensions")
        self.needs: tuple[str, ...] = (PRECISION, PRECISION_Z)[: dimensions - 1]

    def __call__(self, points: np.ndarray, seed: int, **columns: np.ndarray) -> np.ndarray:
        """Return the cluster of each point (N,) int64; see :class:`Clusterer`.

        Raises:
            DataError: A precision is not above 0, or the points are not of ``dimensions``.
        """
        points = centre_points(points)
        if points.shape[1] != len(self.needs) + 1:
            raise DataError(
                f"a clusterer by precision expected positions in {len(self.needs) + 1}D, found {points.shape[1]}D; set "
                "its dimensions"
            )
        variances = np.column_stack([positive_column(columns, name) for name in self.needs]) ** 2
        if len(points) == 0:
            return np.empty(0, dtype=np.int64)
        levels = _sort_into_levels(points, variances, self.eps)
        counts, labels = np.ones(len(points), dtype=np.int64), np.full(len(points), NOISE, dtype=np.int64)
        parents, best = np.arange(len(points)), np.full(len(points), np.inf)
        limit = self.eps**2
        for level in levels:
            _count_neighbours(level, points, variances, limit, self.min_samples, counts)
        core = counts >= self.min_samples
        for level in levels:
            _connect(level, points, variances, limit, core, parents, best, labels)
        return number_clusters(_names(core, parents, labels))


class _Level(NamedTuple):
    """Points up to some lateral variance in the cells of a grid; a named tuple, since compiled functions take those.

    The pairs of a level are those whose less precise point is among its own: each pair is in one level alone, and
    precise points, which are close to their neighbours, are searched for in small cells.

    Attributes:
        rows: Points, sorted by cell (M,) int64.
        own: Whether each of them is a point of this level itself (M,) bool; the others are more precise.
        starts: First of each cell, and M at the end (C + 1,) int64.
        coords: Cell indices (C, D) int64, in lexicographic order.
        offsets: Steps along all axes but the last to the runs that can hold neighbours (R, D - 1) int64.
        first: First cell of each run of neighbours of each cell (C, R) int32.
    """

    rows: np.ndarray
    own: np.ndarray
    starts: np.ndarray
    coords: np.ndarray
    offsets: np.ndarray
    first: np.ndarray


def _sort_into_levels(points: np.ndarray, variances: np.ndarray, eps: float) -> list[_Level]:
    """Return one level for each factor of 2 between precisions."""
    lateral = variances[:, 0]
    octaves = np.floor(np.log2(lateral / lateral.min()) / 2).astype(np.int64)
    return [_sort_level(points, variances, eps, octaves, octave) for octave in np.unique(octaves).tolist()]


def _sort_level(points: np.ndarray, variances: np.ndarray, eps: float, octaves: np.ndarray, octave: int) -> _Level:
    rows = np.flatnonzero(octaves <= octave)
    reach = eps * np.sqrt(2 * variances[rows].max(axis=0))  # of no pair of the level more
    sizes = np.array([reach[0], reach[0], reach[-1]][: points.shape[1]]) / REACH
    keys = (points[rows] - points[rows].min(axis=0)) / sizes
    margin = 1e-9 + keys.max() * _ROUNDING  # keeps neighbours within reach in spite of rounding
    if not margin < _MAX_MARGIN:
        raise DataError(
            f"expected points that span less than 10^14 radii, found {keys.max():g} of {sizes.min() * REACH:g} nm; "
            "raise eps, or check the unit of the precision"
        )
    cells = (keys / (1 + margin)).astype(np.int64)
    order, first = sort_by_cell(cells)
    coords = cells[order[first]]
    steps = itertools.product(range(-REACH, REACH + 1), repeat=points.shape[1] - 1)
    offsets = np.array(list(steps), dtype=np.int64)
    return _Level(
        rows=rows[order],
        own=octaves[rows[order]] == octave,
        starts=np.append(first, len(rows)),
        coords=coords,
        offsets=offsets,
        first=first_neighbour_cells(coords, offsets),
    )


@numba.njit(cache=True)
def _squared_distance(points: np.ndarray, variances: np.ndarray, i: int, j: int) -> float:
    step_x, step_y = points[i, 0] - points[j, 0], points[i, 1] - points[j, 1]
    total = (step_x * step_x + step_y * step_y) / (variances[i, 0] + variances[j, 0])
    if points.shape[1] == 3:
        step_z = points[i, 2] - points[j, 2]
        total += step_z * step_z / (variances[i, 1] + variances[j, 1])
    return total


@numba.njit(cache=True)
def _count_neighbours(
    level: _Level, points: np.ndarray, variances: np.ndarray, limit: float, enough: int, counts: np.ndarray
) -> None:
    """Add the pairs of a level to the neighbours of each point (N,), where these are not ``enough`` yet."""
    for cell in range(level.coords.shape[0]):
        for run in range(level.offsets.shape[0]):
            other = level.first[cell, run]
            while in_run(level.coords, other, cell, level.offsets[run]):
                for a in range(level.starts[cell], level.starts[cell + 1]):
                    if not level.own[a]:
                        continue
                    i = level.rows[a]
                    for b in range(level.starts[other], level.starts[other + 1]):
                        j = level.rows[b]
                        if (level.own[b] and b <= a) or (counts[i] >= enough and counts[j] >= enough):
                            continue
                        if _squared_distance(points, variances, i, j) <= limit:
                            counts[i] += 1
                            counts[j] += 1
                other += 1


@numba.njit(cache=True)
def _connect(
    level: _Level,
    points: np.ndarray,
    variances: np.ndarray,
    limit: float,
    core: np.ndarray,
    parents: np.ndarray,
    best: np.ndarray,
    nearest: np.ndarray,
) -> None:
    """Join core points that are neighbours, and find the nearest core point of each other point (N,)."""
    for cell in range(level.coords.shape[0]):
        for run in range(level.offsets.shape[0]):
            other = level.first[cell, run]
            while in_run(level.coords, other, cell, level.offsets[run]):
                for a in range(level.starts[cell], level.starts[cell + 1]):
                    if not level.own[a]:
                        continue
                    i = level.rows[a]
                    for b in range(level.starts[other], level.starts[other + 1]):
                        j = level.rows[b]
                        if (level.own[b] and b <= a) or not (core[i] or core[j]):
                            continue
                        if core[i] and core[j]:
                            above, below = root(parents, i), root(parents, j)
                            if above != below and _squared_distance(points, variances, i, j) <= limit:
                                parents[max(above, below)] = min(above, below)
                            continue
                        distance = _squared_distance(points, variances, i, j)
                        border, centre = (j, i) if core[i] else (i, j)
                        tied = distance == best[border] and comes_first(points, centre, nearest[border])
                        if distance <= limit and (distance < best[border] or tied):
                            best[border], nearest[border] = distance, centre
                other += 1


@numba.njit(cache=True)
def _names(core: np.ndarray, parents: np.ndarray, nearest: np.ndarray) -> np.ndarray:
    """Return the cluster of each point (N,): that of its nearest core point where it is none itself; -1 for noise."""
    labels = np.full(len(core), NOISE, dtype=np.int64)
    for row in range(len(core)):
        source = row if core[row] else nearest[row]
        if source >= 0:
            labels[row] = root(parents, source)
    return labels
