"""Point-transformer localisation encoder on the stored sampling hierarchy."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.nn.localisations import check_levels, first_features, owners
from locgraph.nn.mlp import mlp
from locgraph.nn.point_transformer_layer import PointTransformerLayer
from locgraph.nn.precision import pool
from locgraph.nn.rows import gather
from locgraph.nn.sizes import DataSizes


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
        check_levels(sizes, channels)
        self.level_channels = tuple(channels)
        self.out_channels = channels[-1]
        # a position relative to the cluster's centre is every localisation's first feature
        self.lift = mlp([sizes.dimensions + sizes.localisation_features, channels[0]], last_plain=False)
        self.layers = nn.ModuleList(PointTransformerLayer(size, size, sizes.dimensions) for size in channels)
        self.down = nn.ModuleList(mlp([below, above], last_plain=False) for below, above in pairwise(channels))

    def forward(self, graph: HeteroData) -> Tensor:
        """Batch of graphs to one vector for each cluster, (C, channels[-1]) float32."""
        return self.encode(graph)[0]

    def encode(self, graph: HeteroData) -> tuple[Tensor, list[Tensor]]:
        """Batch of graphs to the vectors of clusters (C, channels[-1]) and of each level (N_l, level_channels[l])."""
        x = self.lift(first_features(graph))
        levels = [self.layers[0](x, graph[schema.LOCALISATION][schema.POS], _near(graph, 0))]
        for index, (down, layer) in enumerate(zip(self.down, self.layers[1:], strict=True)):
            positions = graph[schema.level(index + 1)][schema.POS]
            below, above = graph[schema.level_pooled(index)].edge_index
            x = pool(gather(down(levels[-1]), below), above, len(positions), "max")
            levels.append(layer(x, positions, _near(graph, index + 1)))
        return pool(levels[-1], owners(graph, len(self.down)), graph[schema.CLUSTER].num_nodes, "max"), levels


def _near(graph: HeteroData, index: int) -> Tensor:
    return graph[schema.level_near(index)].edge_index
