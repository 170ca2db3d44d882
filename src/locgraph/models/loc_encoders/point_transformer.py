"""Point-transformer localisation encoder on the stored sampling hierarchy."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.models.mlp import check_sizes, mlp
from locgraph.models.point_transformer_layer import PointTransformerLayer
from locgraph.models.precision import pool
from locgraph.models.sizes import DataSizes


class PointTransformerEncoder(nn.Module):
    """Attends among the localisations of each cluster, level by level, then takes the largest value of each channel.

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
        super().__init__()
        check_sizes("model.loc_encoder.channels", channels)
        if len(channels) > sizes.levels:
            raise ConfigError(
                f"model.loc_encoder.channels={list(channels)} asks for {len(channels)} levels of localisations, the "
                f"graph store has {sizes.levels}; set graph.localisations=true and graph.ratios to "
                f"{len(channels) - 1} ratios"
            )
        self.out_channels = channels[-1]
        # a position relative to the cluster's centre is every localisation's first feature
        self.lift = mlp([sizes.dimensions + sizes.localisation_features, channels[0]], last_plain=False)
        self.layers = nn.ModuleList(PointTransformerLayer(size, size, sizes.dimensions) for size in channels)
        self.down = nn.ModuleList(mlp([below, above], last_plain=False) for below, above in pairwise(channels))

    def forward(self, graph: HeteroData) -> Tensor:
        """Batch of graphs to one vector for each cluster, (C, channels[-1]) float32."""
        node = graph[schema.LOCALISATION]
        owner = graph[schema.LOCALISATION_IN].edge_index[1]
        relative = node[schema.POS] - graph[schema.CLUSTER][schema.POS][owner]
        x = self.lift(torch.cat([relative, node[schema.FEATURES]], dim=1))
        x = self.layers[0](x, node[schema.POS], _near(graph, 0))
        for index, (down, layer) in enumerate(zip(self.down, self.layers[1:], strict=True)):
            positions = graph[schema.level(index + 1)][schema.POS]
            below, above = graph[schema.level_pooled(index)].edge_index
            x = layer(pool(down(x)[below], above, len(positions), "max"), positions, _near(graph, index + 1))
        owner = graph[schema.level_in(len(self.down))].edge_index[1]
        return pool(x, owner, graph[schema.CLUSTER].num_nodes, "max")


def _near(graph: HeteroData, index: int) -> Tensor:
    return graph[schema.level_near(index)].edge_index
