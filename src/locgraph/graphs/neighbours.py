"""Neighbour search on the CPU, done once when the graph store is built (numpy and scipy, no torch).

Every function returns ``edge_index`` (2, E) int64 in the order source, target, sorted by target and then by source.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from locgraph.errors import DataError


def nearest(points: np.ndarray, k: int, groups: np.ndarray | None = None) -> np.ndarray:
    """Edges from the k nearest neighbours of each point to that point.

    Points of different groups never meet: each group is lifted to a height of its own, so far from the others that one
    k-d tree serves them all.

    Args:
        points: Positions (N, D), any unit.
        k: Neighbours of each point; a point of a group with n points has at most n - 1.
        groups: Group of each point (N,) int64; None puts all into one.

    Returns:
        edge_index (2, E) int64; without self-loops.
    """
    n = len(points)
    if n < 2 or k < 1:
        return np.empty((2, 0), dtype=np.int64)
    reach = np.inf
    lifted = points - points.mean(axis=0)
    if groups is not None:
        # wider than any distance within a group, so that the height alone keeps groups apart
        reach = 2.0 * float(np.linalg.norm(np.ptp(lifted, axis=0))) + 1.0
        lifted = np.column_stack([lifted, groups * (2.0 * reach)])
    distance, source = cKDTree(lifted).query(lifted, k=min(k + 1, n), distance_upper_bound=reach)
    target = np.broadcast_to(np.arange(n)[:, None], source.shape)
    found = np.isfinite(distance)
    other = found & (source != target)
    # coincident points may push the point itself out of its own list: then the farthest of the k + 1 goes
    crowded = other.sum(axis=1) > k
    other[crowded, -1] = False
    return sort_edges(np.stack([source[other], target[other]]))


def nearest_between(points: np.ndarray, chosen: np.ndarray, k: int, groups: np.ndarray) -> np.ndarray:
    """Edges from the k nearest points (the chosen one itself among them) to each chosen point of the same group.

    Args:
        points: Positions (N, D).
        chosen: Rows of the chosen points (M,) int64.
        k: Points pooled into each chosen one.
        groups: Group of each point (N,) int64.

    Returns:
        edge_index (2, E) int64: row of the point, position in ``chosen``.
    """
    if len(chosen) == 0:
        return np.empty((2, 0), dtype=np.int64)
    centred = points - points.mean(axis=0)
    reach = 2.0 * float(np.linalg.norm(np.ptp(centred, axis=0))) + 1.0
    lifted = np.column_stack([centred, groups * (2.0 * reach)])
    distance, source = cKDTree(lifted).query(lifted[chosen], k=[*range(1, k + 1)], distance_upper_bound=reach)
    target = np.broadcast_to(np.arange(len(chosen))[:, None], source.shape)
    # more than k coincident points may push the chosen one out of its own list
    absent = (source != chosen[:, None]).all(axis=1)
    source[absent, -1] = chosen[absent]
    found = np.isfinite(distance)
    return sort_edges(np.stack([source[found], target[found]]))


def within(points: np.ndarray, radius: float) -> np.ndarray:
    """Edges between all points at most ``radius`` apart, both ways, without self-loops.

    Args:
        points: Positions (N, D).
        radius: In the unit of the positions.

    Returns:
        edge_index (2, E) int64.
    """
    pairs = cKDTree(points - points.mean(axis=0)).query_pairs(radius, output_type="ndarray") if len(points) else None
    if pairs is None or len(pairs) == 0:
        return np.empty((2, 0), dtype=np.int64)
    return sort_edges(np.concatenate([pairs, pairs[:, ::-1]]).T)


def all_pairs(n: int, limit: int) -> np.ndarray:
    """Edges between all n points, both ways, without self-loops.

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
            f"edges between all pairs of {n} clusters would be {n * (n - 1)}; at most graph.cluster_edges.limit="
            f"{limit} clusters expected; use graph/cluster_edges=nearest, or raise the limit"
        )
    target, source = np.divmod(np.arange(n * n), max(n, 1))
    other = source != target
    return np.stack([source[other], target[other]])


def sort_edges(edge_index: np.ndarray) -> np.ndarray:
    """Sorts edges (2, E) by target, then by source, as int64."""
    order = np.lexsort((edge_index[0], edge_index[1]))
    return np.ascontiguousarray(edge_index[:, order], dtype=np.int64)
