"""Localisations and their sampled levels: features, owners, interpolation between levels, and checks of the levels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.nn.layers import check_sizes
from locgraph.nn.precision import distances, pool
from locgraph.nn.rows import gather
from locgraph.nn.sizes import DataSizes

_TINY: Final = 1e-30


def owners(graph: HeteroData, index: int = 0) -> Tensor:
    """Return the cluster of each point of a level, (N_l,) int64."""
    return graph[schema.level_in(index)].edge_index[1]


def from_centre(graph: HeteroData, index: int = 0) -> Tensor:
    """Return the position of each point of a level relative to the centre of its cluster, (N_l, D) float32."""
    return graph[schema.level(index)][schema.POS] - gather(graph[schema.CLUSTER][schema.POS], owners(graph, index))


def first_features(graph: HeteroData) -> Tensor:
    """Return the position relative to the cluster's centre, and the localisation's own features: (N, D + F) float32."""
    return torch.cat([from_centre(graph), graph[schema.LOCALISATION][schema.FEATURES]], dim=1)


def cluster_chunks(graph: HeteroData, most_localisations: int) -> Iterator[HeteroData]:
    """Yield the clusters of a batch with all that lies in them, a bounded number of localisations at a time.

    Args:
        graph: Batch of graphs.
        most_localisations: Localisations of a chunk at most; a larger cluster is a chunk of its own.

    Yields:
        Graphs of clusters, with their levels of localisations and the edges among these and to the clusters, in their
        order; edges between clusters are left out. The batch itself where it is small enough, or where localisations
        do not stand in the order of their clusters.
    """
    owner = owners(graph)
    if len(owner) <= most_localisations or bool((owner[1:] < owner[:-1]).any()):
        yield graph
        return
    n_clusters = graph[schema.CLUSTER].num_nodes
    ends = torch.searchsorted(owner, torch.arange(n_clusters, device=owner.device), right=True).cpu()
    levels = [
        name for name in (schema.level(index) for index in range(len(graph.node_types))) if name in graph.node_types
    ]
    in_cluster = {name: graph[schema.level_in(index)].edge_index[1] for index, name in enumerate(levels)}
    start = before = 0
    while start < n_clusters:
        stop = max(start + 1, int(torch.searchsorted(ends, before + most_localisations, right=True)))
        yield _clusters_between(graph, in_cluster, start, stop)
        start, before = stop, int(ends[stop - 1])


def _clusters_between(graph: HeteroData, in_cluster: dict[str, Tensor], start: int, stop: int) -> HeteroData:
    """Return the clusters of a range alone, and the nodes of levels in them; these stand in the order of clusters."""
    limits = torch.tensor([start, stop])
    rows = {schema.CLUSTER: (start, stop)}
    for name, owner in in_cluster.items():
        low, high = torch.searchsorted(owner, limits.to(owner.device)).tolist()
        rows[name] = (low, high)
    part = HeteroData()
    for name, (low, high) in rows.items():
        for key, values in graph[name].items():
            if isinstance(values, Tensor) and key != "ptr":
                part[name][key] = values[low:high]
    for edge_type in graph.edge_types:
        source, _, target = edge_type
        if source in in_cluster and target in rows:
            # sorted by target, and within one cluster
            edges = graph[edge_type].edge_index
            low, high = torch.searchsorted(edges[1].contiguous(), edges.new_tensor(rows[target])).tolist()
            first = edges.new_tensor([[rows[source][0]], [rows[target][0]]])
            part[edge_type].edge_index = edges[:, low:high] - first
    return part


def interpolated(x: Tensor, graph: HeteroData, index: int) -> Tensor:
    """Interpolate the vectors of level ``index + 1`` to level ``index``, in 32 bits.

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
    from_above, reached = _weighted_mean(gather(x, above), lengths, below, len(positions))

    edges = graph[schema.level_near(index)].edge_index
    edges = edges[:, reached[edges[0]] & ~reached[edges[1]]]
    lengths = distances(positions, edges)
    from_near, near_reached = _weighted_mean(gather(from_above, edges[0]), lengths, edges[1], len(positions))

    of_cluster = pool(x, owners(graph, index + 1), graph[schema.CLUSTER].num_nodes, "mean")
    rest = torch.where(near_reached[:, None], from_near, gather(of_cluster, owners(graph, index)))
    return torch.where(reached[:, None], from_above, rest)


def _weighted_mean(values: Tensor, lengths: Tensor, target: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return the mean (size, F) by inverse square of length, and which rows received anything (size,) bool."""
    weights = lengths.square().reciprocal()[:, None]
    total = pool(weights, target, size, "sum")
    return pool(weights * values, target, size, "sum") / total.clamp(min=_TINY), total[:, 0] > 0


def check_stored(sizes: DataSizes) -> None:
    """Check that graphs hold localisations.

    Raises:
        ConfigError: They do not.
    """
    if not sizes.levels:
        raise ConfigError(
            "expected graphs with localisations, found none in the graph store; prepare graphs with localisations=true"
        )


def check_levels(sizes: DataSizes, channels: Sequence[int]) -> None:
    """Check that the graphs hold as many levels of localisations as an encoder reads.

    Args:
        sizes: Numbers from the data.
        channels: Size of the vectors on each level.

    Raises:
        ConfigError: The graphs hold fewer levels than ``channels``, or these are empty or below 1.
    """
    check_sizes("channels", channels)
    if len(channels) > sizes.levels:
        raise ConfigError(
            f"expected at most one number for each level of localisations, of which the graphs have {sizes.levels}, "
            f"found {list(channels)}; prepare graphs with localisations=true and {len(channels) - 1} ratios",
            setting="channels",
        )
