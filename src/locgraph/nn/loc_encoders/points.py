"""Localisation encoders on coordinates: localisations, level by level, to one vector for each cluster."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData
from torch_geometric.utils import add_self_loops

from locgraph import schema
from locgraph.nn.base import LocEncoder
from locgraph.nn.layers import check_reductions, check_sizes, mlp
from locgraph.nn.localisations import check_levels, check_stored, first_features, from_centre, owners
from locgraph.nn.point_layers import EdgeGather, PointNetLayer, PointTransformerLayer
from locgraph.nn.precision import pool
from locgraph.nn.rows import gather
from locgraph.nn.sizes import DataSizes


class NoEncoder(LocEncoder):
    """No localisation encoder: an empty vector for each cluster, beside which stand its hand-made features alone.

    Args:
        sizes: Numbers from the data.
    """

    def __init__(self, sizes: DataSizes) -> None:
        super().__init__(0)

    def forward(self, graph: HeteroData) -> tuple[Tensor, list[Tensor]]:
        """Encode localisations; see `LocEncoder.forward`."""
        positions = graph[schema.CLUSTER][schema.POS]
        return positions.new_empty((positions.shape[0], 0)), []


class DeepSets(LocEncoder):
    """Dense layers on each localisation, reduced over its cluster, and dense layers on the result.

    Neighbours and sampled levels are not read: this is the fastest way to learn from localisations. Not invariant to
    rotation: a localisation starts with its position relative to its cluster's centre.

    Args:
        sizes: Numbers from the data.
        channels: Sizes of the dense layers on each localisation; the last is also that of the vectors of clusters.
        reduce: Some of ``max``, ``mean``, ``sum``, side by side. The paper sums, which counts localisations and grows
            with them.

    Raises:
        ConfigError: The store holds no localisations, a size is below 1, or ``reduce`` is empty or names something
            else.

    Source: Zaheer et al. 2017, "Deep sets", arXiv 1703.06114.
    """

    uses_localisations = True

    def __init__(self, sizes: DataSizes, channels: Sequence[int] = (32, 64), reduce: Sequence[str] = ("mean",)) -> None:
        check_sizes("channels", channels)
        check_stored(sizes)
        check_reductions("reduce", reduce)
        super().__init__(channels[-1], channels[-1:])
        self.reduce = tuple(reduce)
        self.each = mlp([sizes.dimensions + sizes.localisation_features, *channels], last_plain=False)
        self.together = mlp([len(self.reduce) * channels[-1], channels[-1]], last_plain=False)

    def forward(self, graph: HeteroData) -> tuple[Tensor, list[Tensor]]:
        """Encode localisations; see `LocEncoder.forward`."""
        each, owner = self.each(first_features(graph)), owners(graph)
        n_clusters = graph[schema.CLUSTER].num_nodes
        reduced = [pool(each, owner, n_clusters, name) for name in self.reduce]
        return self.together(torch.cat(reduced, dim=1)).float(), [each]


class PointTransformerEncoder(LocEncoder):
    """Point transformer on the localisations of each cluster, level by level, then the largest value of each channel.

    Between two levels each sampled point takes the largest values among its nearest points on the level below. All
    neighbourhoods come from the graph store: a forward pass is gathers, dense layers and scatters alone.

    Args:
        sizes: Numbers from the data.
        channels: Size of the vectors on each level, the localisations' own first.

    Raises:
        ConfigError: The store holds fewer levels than ``channels``, or these are empty or below 1.
    """

    uses_localisations = True

    def __init__(self, sizes: DataSizes, channels: Sequence[int] = (16, 32, 64)) -> None:
        check_levels(sizes, channels)
        super().__init__(channels[-1], channels)
        # a position relative to the cluster's centre is every localisation's first feature
        self.lift = mlp([sizes.dimensions + sizes.localisation_features, channels[0]], last_plain=False)
        self.layers = nn.ModuleList(PointTransformerLayer(size, size, sizes.dimensions) for size in channels)
        self.down = nn.ModuleList(mlp([below, above], last_plain=False) for below, above in pairwise(channels))

    def forward(self, graph: HeteroData) -> tuple[Tensor, list[Tensor]]:
        """Encode localisations; see `LocEncoder.forward`."""
        x = self.lift(first_features(graph))
        levels = [self.layers[0](x, graph[schema.LOCALISATION][schema.POS], _near(graph, 0))]
        for index, (down, layer) in enumerate(zip(self.down, self.layers[1:], strict=True)):
            positions = graph[schema.level(index + 1)][schema.POS]
            below, above = graph[schema.level_pooled(index)].edge_index
            x = pool(gather(down(levels[-1]), below), above, len(positions), "max")
            levels.append(layer(x, positions, _near(graph, index + 1)))
        return pool(levels[-1], owners(graph, len(self.down)), graph[schema.CLUSTER].num_nodes, "max"), levels


class SetAbstraction(LocEncoder):
    """PointNet++: largest values among nearest points, from each level to the next, and at last to the clusters.

    In every step dense layers read a point and its position relative to the one that it is pooled into. All
    neighbourhoods come from the graph store. Not invariant to rotation: train it with the rotation augmentation.

    Args:
        sizes: Numbers from the data.
        channels: Size of the vectors on each level, the localisations' own first.

    Raises:
        ConfigError: The store holds fewer levels than ``channels``, or these are empty or below 1.

    Source: Qi et al. 2017, "PointNet++", arXiv 1706.02413.
    """

    uses_localisations = True

    def __init__(self, sizes: DataSizes, channels: Sequence[int] = (16, 32, 64)) -> None:
        check_levels(sizes, channels)
        super().__init__(channels[-1], channels)
        self.lift = mlp([sizes.dimensions + sizes.localisation_features, channels[0]], last_plain=False)
        self.up = nn.ModuleList(PointNetLayer(below, above, sizes.dimensions) for below, above in pairwise(channels))
        self.last = PointNetLayer(channels[-1], channels[-1], sizes.dimensions)

    def forward(self, graph: HeteroData) -> tuple[Tensor, list[Tensor]]:
        """Encode localisations; see `LocEncoder.forward`."""
        levels = [self.lift(first_features(graph))]
        for index, layer in enumerate(self.up):
            edges = graph[schema.level_pooled(index)].edge_index
            below, above = graph[schema.level(index)][schema.POS], graph[schema.level(index + 1)][schema.POS]
            levels.append(layer(levels[-1], gather(below, edges[0]) - gather(above, edges[1]), edges, len(above)))
        top = len(self.up)
        owner = owners(graph, top)
        edges = torch.stack([torch.arange(len(owner), device=owner.device), owner])
        return self.last(levels[-1], from_centre(graph, top), edges, graph[schema.CLUSTER].num_nodes), levels


class EdgeConvolution(LocEncoder):
    """Edge convolutions (DGCNN) among the localisations of each cluster, then mean and largest value of each channel.

    A localisation is a neighbour of itself. The neighbours are those of the graph store, the nearest in space, in every
    layer; the paper searches them anew among the vectors of each layer, and resamples each cloud to the same number of
    points. Not invariant to rotation: it reads coordinates.

    Args:
        sizes: Numbers from the data.
        channels: Size of the vectors after each layer; the last is also that of the vectors of clusters.

    Raises:
        ConfigError: The store holds no localisations, or a size is below 1.

    Source: Wang et al. 2019, "Dynamic graph CNN for learning on point clouds", arXiv 1801.07829.
    """

    uses_localisations = True

    def __init__(self, sizes: DataSizes, channels: Sequence[int] = (32, 32, 64)) -> None:
        check_sizes("channels", channels)
        check_stored(sizes)
        super().__init__(channels[-1], channels[-1:])
        ins = [sizes.dimensions + sizes.localisation_features, *channels[:-1]]
        self.lifts = nn.ModuleList(nn.Linear(size_in, size) for size_in, size in zip(ins, channels, strict=True))
        self.layers = nn.ModuleList(EdgeGather(size) for size in channels)
        self.each = mlp([sum(channels), channels[-1]], last_plain=False)
        self.together = mlp([2 * channels[-1], channels[-1]], last_plain=False)

    def forward(self, graph: HeteroData) -> tuple[Tensor, list[Tensor]]:
        """Encode localisations; see `LocEncoder.forward`."""
        x, owner, n_clusters = first_features(graph), owners(graph), graph[schema.CLUSTER].num_nodes
        edges, _ = add_self_loops(_near(graph, 0), num_nodes=len(x))
        steps = []
        for lift, layer in zip(self.lifts, self.layers, strict=True):
            x = layer(lift(x), edges)
            steps.append(x)
        each = self.each(torch.cat(steps, dim=1))
        reduced = torch.cat([pool(each, owner, n_clusters, name) for name in ("mean", "max")], dim=1)
        return self.together(reduced).float(), [each]


def _near(graph: HeteroData, index: int) -> Tensor:
    return graph[schema.level_near(index)].edge_index
