"""Agreement of raters who mark points, or outline regions."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree


def match_points(first: np.ndarray, second: np.ndarray, radius: float) -> np.ndarray:
    """Match points one to one: as many pairs as possible within a radius and, of these, those with the least distance.

    The assignment of Kuhn (1955, 10.1002/nav.3800020109), by `scipy.optimize.linear_sum_assignment`.

    Args:
        first: (N, D) float64 nm.
        second: (M, D) float64 nm.
        radius: Largest distance of a pair, in nm.

    Returns:
        (P, 2) int64: rows of the first and of the second points.
    """
    near = cKDTree(first).sparse_distance_matrix(cKDTree(second), radius, output_type="ndarray")
    if not near.size:
        return np.zeros((0, 2), np.int64)
    rows, columns, distances = near["i"], near["j"], near["v"]
    n = len(first) + len(second)
    graph = coo_matrix((np.ones(near.size), (rows, len(first) + columns)), shape=(n, n))
    part = connected_components(graph, directed=False)[1][rows]
    order = np.argsort(part, kind="stable")
    bounds = np.flatnonzero(np.diff(part[order])) + 1
    pairs = [_assign(rows[own], columns[own], distances[own] / radius) for own in np.split(order, bounds)]
    return np.concatenate(pairs).astype(np.int64)


def _assign(rows: np.ndarray, columns: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """Return the best one-to-one choice (P, 2) of pairs of points that hang together, with costs of at most 1."""
    (first, row), (second, column) = np.unique(rows, return_inverse=True), np.unique(columns, return_inverse=True)
    shape = (len(first), len(second))
    # a pair that is too far apart costs more than all near ones together, so that it never replaces one
    far = min(shape) + 1.0
    matrix = np.full(shape, far)
    matrix[row, column] = costs
    chosen = np.column_stack(linear_sum_assignment(matrix))
    chosen = chosen[matrix[chosen[:, 0], chosen[:, 1]] < far]
    return np.column_stack([first[chosen[:, 0]], second[chosen[:, 1]]])


def count_overlap(first: np.ndarray, second: np.ndarray, repeats: np.ndarray) -> tuple[int, int, int]:
    """Return how many things are in both of two sets, in the first, and in the second.

    The index of Dice (1945, 10.2307/1932409) is twice the first number over the sum of the others; intersection over
    union is the first number over that sum less itself. The F1 score of matched points is the index of Dice of pairs.

    Args:
        first: (N,) bool.
        second: (N,) bool.
        repeats: (N,) how many things each row stands for.
    """
    return int(repeats[first & second].sum()), int(repeats[first].sum()), int(repeats[second].sum())
