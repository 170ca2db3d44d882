"""Edge convolution on clusters: dense layers on pairs of neighbouring vectors, then the largest values."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch_geometric.utils import add_self_loops

from locgraph.nn.mlp import mlp
from locgraph.nn.precision import pool
from locgraph.nn.rows import gather
from locgraph.nn.seams import Messages
from locgraph.nn.sizes import DataSizes
from locgraph.nn.stack import Block, Stack


class EdgeGather(nn.Module):
    """Takes, channel by channel, the largest value of ``h(x_i, x_j - x_i)`` among the neighbours j.

    The first dense layer of ``h`` is a sum of what it makes of ``x_i`` and of ``x_j``: each is computed once for a
    cluster, not once for an edge. Equal to PyG's ``EdgeConv``.

    Args:
        channels: Size of the vectors.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.target = nn.Linear(channels, channels)
        self.source = nn.Linear(channels, channels, bias=False)
        self.pair = nn.Sequential(nn.LayerNorm(channels), nn.SiLU(), *mlp([channels, channels], last_plain=False))
        self.messages = Messages()

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """(C, channels) and (2, E) to (C, channels) float32."""
        source, target = edge_index
        pairs = self.pair(gather(self.target(x), target) + gather(self.source(x), source))
        return pool(self.messages(pairs, edge_index), target, len(x), "max")


class EdgeConv(Stack):
    """A stack of edge convolutions on the stored edges. Not invariant to rotation: the vectors start with positions.

    A cluster is a neighbour of itself, as in the paper. There the neighbours are searched anew among the vectors of
    each layer; here they are those of the graph.

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

    Source: Wang et al. 2019, "Dynamic graph CNN for learning on point clouds", arXiv 1801.07829.
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
            return Block(EdgeGather(channels), channels, dropout, residual, normalise)

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
        return self.run(torch.cat([x, positions], dim=1), edge_index)
