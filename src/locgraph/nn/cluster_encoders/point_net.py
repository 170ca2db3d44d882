"""PointNet cluster encoder: the largest values among neighbouring clusters, on their coordinates."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.utils import add_self_loops

from locgraph.nn.point_net_layer import PointNetLayer
from locgraph.nn.rows import gather
from locgraph.nn.sizes import DataSizes
from locgraph.nn.stack import Block, Stack


class PointNetClusters(Stack):
    """A stack of PointNet layers. Not invariant to rotation: train it with the rotation augmentation.

    A cluster is a neighbour of itself, at the relative position 0.

    Args:
        in_channels: Size of the incoming cluster vectors.
        sizes: Numbers from the data.
        channels: Size of the vectors.
        layers: Number of layers.
        dropout: Probability that a hidden value is dropped in training.
        residual: Whether a layer adds to the vectors, or takes their place.
        normalise: Whether there is layer normalisation before each layer.

    Raises:
        ConfigError: A number is out of range.

    Source: Qi et al. 2017, "PointNet++", arXiv 1706.02413.
    """

    def __init__(
        self,
        in_channels: int,
        sizes: DataSizes,
        channels: int = 64,
        layers: int = 3,
        dropout: float = 0.0,
        residual: bool = True,
        normalise: bool = True,
    ) -> None:
        def make_layer() -> Block:
            return Block(PointNetLayer(channels, channels, sizes.dimensions), channels, dropout, residual, normalise)

        super().__init__(in_channels + sizes.dimensions, channels, layers, make_layer)

    def forward(self, x: Tensor, positions: Tensor, edge_index: Tensor) -> Tensor:
        """Cluster vectors to cluster vectors.

        Args:
            x: (C, in_channels).
            positions: (C, D) float32, in units of order one.
            edge_index: (2, E) int64.

        Returns:
            (C, channels) float32.
        """
        edge_index, _ = add_self_loops(edge_index, num_nodes=len(positions))
        offsets = gather(positions, edge_index[0]) - gather(positions, edge_index[1])
        return self.run(torch.cat([x, positions], dim=1), offsets, edge_index)
