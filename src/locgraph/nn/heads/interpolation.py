"""From a sampled level of localisations back to the level below, along the edges of the graph store."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.nn.localisations import owners
from locgraph.nn.precision import distances, pool
from locgraph.nn.rows import gather

_TINY: Final = 1e-30


def interpolated(x: Tensor, graph: HeteroData, index: int) -> Tensor:
    """Vectors of level ``index + 1`` to vectors of level ``index``, in 32 bits.

    A point takes the mean over the sampled points that it was pooled into, weighted by the inverse square of their
    distance; one that was pooled nowhere, the mean over its neighbours that were, weighted alike; one without such
    neighbours, the plain mean over the sampled points of its cluster.

    Args:
        x: Vectors of the level above (N_l+1, F).
        graph: Batch of graphs with positions in units of order one.
        index: The level below.

    Returns:
        (N_l, F) float32.

    Source: the feature propagation of Qi et al. 2017, "PointNet++", arXiv 1706.02413, with stored neighbours.
    """
    positions = graph[schema.level(index)][schema.POS]
    below, above = graph[schema.level_pooled(index)].edge_index
    lengths = distances(graph[schema.level(index + 1)][schema.POS], torch.stack([above, below]), positions)
    found, reached = _weighted_mean(gather(x, above), lengths, below, len(positions))

    edges = graph[schema.level_near(index)].edge_index
    edges = edges[:, reached[edges[0]] & ~reached[edges[1]]]
    lengths = distances(positions, edges)
    from_near, near_reached = _weighted_mean(gather(found, edges[0]), lengths, edges[1], len(positions))

    of_cluster = pool(x, owners(graph, index + 1), graph[schema.CLUSTER].num_nodes, "mean")
    rest = torch.where(near_reached[:, None], from_near, gather(of_cluster, owners(graph, index)))
    return torch.where(reached[:, None], found, rest)


def _weighted_mean(values: Tensor, lengths: Tensor, target: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Mean (size, F) by inverse square of length, and which rows received anything (size,) bool."""
    weights = lengths.square().reciprocal()[:, None]
    total = pool(weights, target, size, "sum")
    return pool(weights * values, target, size, "sum") / total.clamp(min=_TINY), total[:, 0] > 0
