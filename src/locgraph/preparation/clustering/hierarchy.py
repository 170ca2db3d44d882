"""From a minimum spanning tree to clusters: the hierarchy of HDBSCAN, and the clusters of it that last longest."""

from __future__ import annotations

import numba
import numpy as np

from locgraph.preparation.clustering.spanning_tree import SpanningTree
from locgraph.schema import NOISE


def select_clusters(spanning_tree: SpanningTree, min_cluster_size: int) -> np.ndarray:
    """Return clusters chosen by excess of mass (Campello et al. 2013, 10.1007/978-3-642-37456-2_14), never all points.

    Edges are taken away from the longest to the shortest. Where a group falls into two of at least
    ``min_cluster_size`` points, both are clusters below it; else it goes on without the points that it loses. A group
    is chosen where its mass, the sum over its points of 1 / (length at which they leave) - 1 / (length at which it
    began), is at least the sum of those chosen below it. Of edges of one length, the one that was added last to the
    spanning tree is taken away first.

    Args:
        spanning_tree: Edges of N points.
        min_cluster_size: Points of the smallest cluster.

    Returns:
        Labels (N,) int64, -1 for noise.
    """
    order = np.argsort(spanning_tree.lengths, kind="stable")
    children, sizes = _merge(spanning_tree.sources[order], spanning_tree.targets[order])
    left_at, masses, parents = _condense(children, sizes, spanning_tree.lengths[order], min_cluster_size)
    return _choose(masses, parents)[left_at]


@numba.njit(cache=True)
def _merge(sources: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the two nodes that each edge joins (N - 1, 2), and the points of all nodes (2 N - 1,).

    Nodes 0 to N - 1 are points, node N + i is what edge i made.
    """
    edges = len(sources)
    n = edges + 1
    parents = np.arange(2 * n - 1)
    sizes = np.ones(2 * n - 1, dtype=np.int64)
    children = np.empty((edges, 2), dtype=np.int64)
    for edge in range(edges):
        for side, node in enumerate((sources[edge], targets[edge])):
            while parents[node] != node:
                parents[node] = parents[parents[node]]
                node = parents[node]
            children[edge, side] = node
        left, right = children[edge]
        sizes[n + edge] = sizes[left] + sizes[right]
        parents[left] = parents[right] = n + edge
    return children, sizes


@numba.njit(cache=True)
def _condense(
    children: np.ndarray, sizes: np.ndarray, lengths: np.ndarray, least: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the cluster that each point leaves (N,), the mass of each cluster (C,), and the cluster above it (C,).

    Cluster 0 holds all points; clusters below come after the one that they are part of.
    """
    n = len(children) + 1
    cluster_of = np.zeros(2 * n - 1, dtype=np.int64)  # of each node, where it is of at least the least size
    left_at = np.zeros(n, dtype=np.int64)
    masses, births = np.zeros(2 * (n // least) + 2), np.zeros(2 * (n // least) + 2)
    parents = np.full(2 * (n // least) + 2, -1)
    stack = np.empty(n, dtype=np.int64)
    queue = np.empty(2 * n - 1, dtype=np.int64)  # breadth first, in the order of scikit-learn: its sums round alike
    queue[0], end, count = 2 * n - 2, 1, 1
    at = 0
    while at < end:
        node = queue[at]
        at += 1
        cluster = cluster_of[node]
        height = 1.0 / lengths[node - n] if lengths[node - n] > 0.0 else np.inf
        left, right = children[node - n]
        split = sizes[left] >= least and sizes[right] >= least
        for child in (left, right):
            if sizes[child] < least:
                _let_go(children, child, stack, left_at, cluster)
                for _ in range(sizes[child]):
                    masses[cluster] += height - births[cluster]
                continue
            cluster_of[child] = cluster
            if split:
                masses[cluster] += (height - births[cluster]) * sizes[child]
                cluster_of[child], births[count], parents[count] = count, height, cluster
                count += 1
            queue[end] = child
            end += 1
    return left_at, masses[:count], parents[:count]


@numba.njit(cache=True)
def _let_go(children: np.ndarray, node: int, stack: np.ndarray, left_at: np.ndarray, cluster: int) -> None:
    """Note for all points below a node which cluster they leave."""
    n = len(left_at)
    stack[0], depth = node, 1
    while depth > 0:
        depth -= 1
        node = stack[depth]
        if node < n:
            left_at[node] = cluster
        else:
            stack[depth], stack[depth + 1] = children[node - n]
            depth += 2


@numba.njit(cache=True)
def _choose(masses: np.ndarray, parents: np.ndarray) -> np.ndarray:
    """Return the label of each cluster (C,): its number, or that of the chosen one above it; -1 where none is."""
    masses = masses.copy()
    chosen = np.zeros(len(masses), dtype=np.bool_)
    below = np.zeros(len(masses))
    labels = np.full(len(masses), NOISE, dtype=np.int64)
    for cluster in range(len(masses) - 1, 0, -1):
        chosen[cluster] = not below[cluster] > masses[cluster]
        if not chosen[cluster]:
            masses[cluster] = below[cluster]
        below[parents[cluster]] += masses[cluster]
    for cluster in range(1, len(masses)):
        labels[cluster] = labels[parents[cluster]]
        if labels[cluster] == NOISE and chosen[cluster]:
            labels[cluster] = cluster
    return labels
