"""Edges between clusters, and between localisations: computed on the CPU, once, when the graph store is built.

Every function returns ``edge_index`` (2, E) int64 in the order source, target, sorted by target and then by source.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numba import njit
from scipy.spatial import cKDTree

from locgraph.errors import DataError
from locgraph.graphs.nearest_rows import nearest_rows
from locgraph.settings import check_length, check_whole


class ClusterEdges(Protocol):
    """Contract of edge builders between the clusters of one view of a FOV."""

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """Return edge_index (2, E) int64 for positions (C, D) float64 nm, sorted by target, then source."""
        ...


@dataclass(frozen=True)
class Nearest:
    """Edges to each cluster from its k nearest clusters.

    Args:
        k: Number of neighbours, at least 1.
    """

    k: int

    def __post_init__(self) -> None:
        check_whole("k", self.k, at_least=1)

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """Return edge_index (2, E) int64 for positions (C, D) float64 nm."""
        return nearest_edges(positions, self.k)


@dataclass(frozen=True)
class AllPairs:
    """Edges between all clusters: the full geometry, for FOVs of some tens of clusters.

    Args:
        limit: Largest number of clusters allowed in a FOV.
    """

    limit: int = 200

    def __post_init__(self) -> None:
        check_whole("limit", self.limit, at_least=1)

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """Return edge_index (2, E) int64 for positions (C, D) float64 nm."""
        return all_edges(len(positions), self.limit)


@dataclass(frozen=True)
class WithinRadius:
    """Edges between clusters whose centres lie at most ``radius_nm`` apart.

    Args:
        radius_nm: Radius in nm, above 0.
        limit: Largest number of edges allowed in a FOV, each pair counted both ways.
    """

    radius_nm: float
    limit: int = 10_000_000

    def __post_init__(self) -> None:
        check_length("radius_nm", self.radius_nm)
        check_whole("limit", self.limit, at_least=1)

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """Return edge_index (2, E) int64 for positions (C, D) float64 nm."""
        return edges_within(positions, self.radius_nm, self.limit)


def nearest_edges(points: np.ndarray, k: int) -> np.ndarray:
    """Return the edges from the k nearest neighbours of each point to that point.

    Args:
        points: Positions (N, D), any unit.
        k: Neighbours of each point, at least 1; all others where there are fewer.

    Returns:
        edge_index (2, E) int64; without self-loops.
    """
    n = len(points)
    if n < 2:
        return np.empty((2, 0), dtype=np.int64)
    return edges_to_each(nearest_rows(points, min(k, n - 1), np.array([0, n])))


def edges_to_each(rows: np.ndarray) -> np.ndarray:
    """Return the edges to each point from its neighbours.

    Args:
        rows: Neighbours of each point (N, k) int32, -1 for none; from :func:`nearest_rows`.

    Returns:
        edge_index (2, E) int64.
    """
    return _edges(rows, np.arange(len(rows)), False)


def edges_to_chosen(rows: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return the edges to each chosen point from itself and its nearest k - 1 neighbours.

    Args:
        rows: Neighbours of each point (N, k) int32, the nearest first, -1 for none; from :func:`nearest_rows`.
        chosen: Rows of the chosen points (M,) int64.

    Returns:
        edge_index (2, E) int64: row of the point, position in ``chosen``.
    """
    return _edges(rows, chosen, True)


@njit(cache=True)
def _edges(rows: np.ndarray, targets: np.ndarray, itself: bool) -> np.ndarray:
    """See above; ``itself`` takes each target as its own first neighbour, and leaves out the last one."""
    others = rows.shape[1] - 1 if itself else rows.shape[1]
    count = len(targets) if itself else 0
    for target in targets:
        for column in range(others):
            count += rows[target, column] >= 0
    edges = np.empty((2, count), dtype=np.int64)
    begin = end = 0
    for position in range(len(targets)):
        if itself:
            edges[0, end] = targets[position]
            end += 1
        for column in range(others):
            source = rows[targets[position], column]
            if source < 0:
                break
            spot = end
            while spot > begin and edges[0, spot - 1] > source:
                edges[0, spot] = edges[0, spot - 1]
                spot -= 1
            edges[0, spot] = source
            end += 1
        edges[1, begin:end] = position
        begin = end
    return edges


def edges_within(points: np.ndarray, radius: float, limit: int) -> np.ndarray:
    """Return the edges between all points at most ``radius`` apart, both ways, without self-loops.

    Args:
        points: Positions (N, D).
        radius: In the unit of the positions.
        limit: Largest number of edges allowed; they are counted before any memory is taken.

    Returns:
        edge_index (2, E) int64.

    Raises:
        DataError: There would be more edges than ``limit``.
    """
    if len(points) < 2:
        return np.empty((2, 0), dtype=np.int64)
    tree = cKDTree(points - points.mean(axis=0))
    count = int(tree.count_neighbors(tree, radius)) - len(points)
    if count > limit:
        raise DataError(
            f"expected at most limit={limit} edges between clusters within radius_nm={radius:g} of each other, found "
            f"{count} among {len(points)} clusters; lower radius_nm, join the nearest clusters only, or raise limit"
        )
    pairs = tree.query_pairs(radius, output_type="ndarray")
    return sort_edges(np.concatenate([pairs, pairs[:, ::-1]]).T)


def all_edges(n: int, limit: int) -> np.ndarray:
    """Return the edges between all n points, both ways, without self-loops.

    Args:
        n: Number of points.
        limit: Largest number allowed: the edges grow with its square.

    Returns:
        edge_index (2, n (n - 1)) int64.

    Raises:
        DataError: There are more points than ``limit``.
    """
    if n > limit:
        raise DataError(
            f"expected at most limit={limit} clusters to join by all pairs, found {n}, with {n * (n - 1)} edges; join "
            "the nearest clusters only, or raise limit"
        )
    target, source = np.divmod(np.arange(n * n), max(n, 1))
    other = source != target
    return np.stack([source[other], target[other]])


def sort_edges(edge_index: np.ndarray) -> np.ndarray:
    """Sort edges (2, E) by target, then by source, as int64."""
    order = np.lexsort((edge_index[0], edge_index[1]))
    return np.ascontiguousarray(edge_index[:, order], dtype=np.int64)
