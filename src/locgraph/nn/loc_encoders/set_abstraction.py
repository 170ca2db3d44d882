"""Set-abstraction localisation encoder (PointNet++) on the stored sampling hierarchy."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.nn.localisations import check_levels, first_features, from_centre, owners
from locgraph.nn.mlp import mlp
from locgraph.nn.point_net_layer import PointNetLayer
from locgraph.nn.rows import gather
from locgraph.nn.sizes import DataSizes


class SetAbstraction(nn.Module):
    """Each sampled point takes the largest values among its nearest points on the level below; so does each cluster.

    On every step dense layers see a point and its position relative to the one that takes. All neighbourhoods come from
    the graph store. Not invariant to rotation: train it with the rotation augmentation.

    Args:
        sizes: Numbers from the data.
        channels: Size of the vectors on each level, the localisations' own first.

    Raises:
        ConfigError: The store holds fewer levels than ``channels``, or these are empty or below 1.

    Source: Qi et al. 2017, "PointNet++", arXiv 1706.02413.
    """

    uses_localisations = True

    def __init__(self, sizes: DataSizes, channels: Sequence[int] = (16, 32, 64)) -> None:
        super().__init__()
        check_levels(sizes, channels)
        self.level_channels = tuple(channels)
        self.out_channels = channels[-1]
        self.lift = mlp([sizes.dimensions + sizes.localisation_features, channels[0]], last_plain=False)
        self.up = nn.ModuleList(PointNetLayer(below, above, sizes.dimensions) for below, above in pairwise(channels))
        self.last = PointNetLayer(channels[-1], channels[-1], sizes.dimensions)

    def forward(self, graph: HeteroData) -> Tensor:
        """Batch of graphs to one vector for each cluster, (C, channels[-1]) float32."""
        return self.encode(graph)[0]

    def encode(self, graph: HeteroData) -> tuple[Tensor, list[Tensor]]:
        """Batch of graphs to the vectors of clusters (C, channels[-1]) and of each level (N_l, level_channels[l])."""
        levels = [self.lift(first_features(graph))]
        for index, layer in enumerate(self.up):
            edges = graph[schema.level_pooled(index)].edge_index
            below, above = graph[schema.level(index)][schema.POS], graph[schema.level(index + 1)][schema.POS]
            levels.append(layer(levels[-1], gather(below, edges[0]) - gather(above, edges[1]), edges, len(above)))
        top = len(self.up)
        owner = owners(graph, top)
        edges = torch.stack([torch.arange(len(owner), device=owner.device), owner])
        return self.last(levels[-1], from_centre(graph, top), edges, graph[schema.CLUSTER].num_nodes), levels
