"""Which clusters hang together, and which of them can be pruned without tearing the others apart."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.explain.base import n_clusters


def neighbourhood(graph: HeteroData, neighbours: int) -> Tensor:
    """Which clusters are joined: by the edges of the graph, or in space where the edges join all of them.

    Args:
        graph: A PyG batch of one graph of C clusters.
        neighbours: Nearest clusters that each one is joined with, where the edges join every pair.

    Returns:
        (C, C) bool, the same both ways, without loops.
    """
    count = n_clusters(graph)
    source, target = graph[schema.CLUSTER_NEAR].edge_index
    near = torch.eye(count, dtype=torch.bool)
    near[source, target] = True
    if near.all() and count > neighbours + 1:
        positions = graph[schema.CLUSTER][schema.POS].double()
        apart = torch.cdist(positions, positions, compute_mode="donot_use_mm_for_euclid_dist")
        nearest = apart.fill_diagonal_(torch.inf).topk(neighbours, largest=False).indices
        near = torch.zeros_like(near).scatter_(1, nearest, torch.ones_like(nearest, dtype=torch.bool))
    near = near | near.T
    return near.fill_diagonal_(False)


def within_hops(near: Tensor, groups: Tensor, hops: int) -> Tensor:
    """Groups of clusters and all that lie within ``hops`` steps of them: (C, C) and (G, C) bool to (G, C) bool."""
    for _ in range(hops):
        groups = groups | (groups.float() @ near.float() > 0)
    return groups


def prunable(near: Sequence[Sequence[int]], members: frozenset[int]) -> list[int]:
    """Clusters that can be pruned so that those joined by way of other clusters stay so.

    Args:
        near: Clusters that each cluster is joined with.
        members: The clusters that are there.

    Returns:
        All members but the cut vertices, in order.

    Source: Tarjan 1972, "Depth-first search and linear graph algorithms".
    """
    found: dict[int, int] = {}
    lowest: dict[int, int] = {}
    cuts = set()
    for root in members:
        if root in found:
            continue
        found[root] = lowest[root] = len(found)
        branches = 0
        stack = [(root, root, iter(near[root]))]
        while stack:
            here, parent, rest = stack[-1]
            follow = next((other for other in rest if other in members), None)
            if follow is None:
                stack.pop()
                if parent != here:
                    lowest[parent] = min(lowest[parent], lowest[here])
                    if parent != root and lowest[here] >= found[parent]:
                        cuts.add(parent)
            elif follow in found:
                lowest[here] = min(lowest[here], found[follow])
            else:
                found[follow] = lowest[follow] = len(found)
                branches += here == root
                stack.append((follow, here, iter(near[follow])))
        if branches > 1:
            cuts.add(root)
    return sorted(members - cuts)
