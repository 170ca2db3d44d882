"""Encoders of clusters as points: edge convolution, PointNet and point transformer; and dense layers on each alone.

Those that read coordinates are not invariant to rotation: train them with the rotation augmentation.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch_geometric.utils import add_self_loops

from locgraph.nn.base import ClusterEncoder
from locgraph.nn.cluster_encoders.stacks import BlockStack
from locgraph.nn.layers import check_dropout, check_sizes, mlp
from locgraph.nn.messages import Aggregate
from locgraph.nn.point_layers import PointNetLayer, PointTransformerLayer
from locgraph.nn.rows import gather
from locgraph.nn.sizes import DataSizes


class ClusterMlp(BlockStack):
    """A stack of dense layers on each cluster alone; positions and edges are not read.

    Invariant to rotation, reflection and shift.
    """

    reads_positions = False

    def make_gather(self, channels: int, dimensions: int) -> nn.Module:
        """Return a gather of nothing but the cluster itself."""
        return nn.Identity()

    def encode(self, x: Tensor, positions: Tensor, edge_index: Tensor) -> Tensor:
        """Encode clusters; see `ClusterEncoder.encode`."""
        return self.run(x)


class EdgeConv(BlockStack):
    """A stack of edge convolutions on the stored edges.

    A cluster is a neighbour of itself, as in the paper. There the neighbours are searched anew among the vectors of
    each layer; here they are those of the graph.

    Source: Wang et al. 2019, "Dynamic graph CNN for learning on point clouds", arXiv 1801.07829.
    """

    def make_gather(self, channels: int, dimensions: int) -> nn.Module:
        """Return the gather of one layer."""
        return EdgeGather(channels)

    def encode(self, x: Tensor, positions: Tensor, edge_index: Tensor) -> Tensor:
        """Encode clusters; see `ClusterEncoder.encode`."""
        edge_index, _ = add_self_loops(edge_index, num_nodes=len(positions))
        return self.run(torch.cat([x, positions], dim=1), edge_index)


class EdgeGather(nn.Module):
    """Largest value of ``h(x_i, x_j - x_i)`` among the neighbours j, channel by channel.

    The first dense layer of ``h`` is a sum of a part on ``x_i`` and one on ``x_j``, each computed once for a cluster,
    not once for an edge, which takes half the time of PyG's ``EdgeConv``, to which it is equal.

    Args:
        channels: Size of the vectors.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.target = nn.Linear(channels, channels)
        self.source = nn.Linear(channels, channels, bias=False)
        self.pair = nn.Sequential(nn.LayerNorm(channels), nn.SiLU(), *mlp([channels, channels], last_plain=False))
        self.aggregate = Aggregate("max")

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """(C, channels) and (2, E) to (C, channels) float32."""
        source, target = edge_index
        pairs = self.pair(gather(self.target(x), target) + gather(self.source(x), source))
        return self.aggregate(pairs, edge_index, len(x))


class PointNetClusters(BlockStack):
    """A stack of PointNet layers: the largest values among neighbours.

    A cluster is a neighbour of itself, at the relative position 0.

    Source: Qi et al. 2017, "PointNet++", arXiv 1706.02413.
    """

    def make_gather(self, channels: int, dimensions: int) -> nn.Module:
        """Return the gather of one layer."""
        return PointNetLayer(channels, channels, dimensions)

    def encode(self, x: Tensor, positions: Tensor, edge_index: Tensor) -> Tensor:
        """Encode clusters; see `ClusterEncoder.encode`."""
        edge_index, _ = add_self_loops(edge_index, num_nodes=len(positions))
        offsets = gather(positions, edge_index[0]) - gather(positions, edge_index[1])
        return self.run(torch.cat([x, positions], dim=1), offsets, edge_index)


class PointTransformerClusters(ClusterEncoder):
    """A stack of point-transformer layers: attention among neighbours, channel by channel.

    Args:
        in_channels: Size of the incoming cluster vectors.
        sizes: Numbers from the data.
        channels: Size of the vectors after each layer.
        dropout: Probability that a value of a vector is dropped after each layer in training.

    Raises:
        ConfigError: ``channels`` is empty or holds a number below 1, or ``dropout`` is out of range.
    """

    def __init__(
        self, in_channels: int, sizes: DataSizes, channels: Sequence[int] = (16, 24, 32, 40), dropout: float = 0.0
    ) -> None:
        check_sizes("channels", channels)
        check_dropout(dropout)
        super().__init__(channels[-1])
        ins = [in_channels + sizes.dimensions, *channels[:-1]]
        self.layers = nn.ModuleList(
            PointTransformerLayer(size_in, size_out, sizes.dimensions)
            for size_in, size_out in zip(ins, channels, strict=True)
        )
        self.dropout = nn.Dropout(dropout)

    def encode(self, x: Tensor, positions: Tensor, edge_index: Tensor) -> Tensor:
        """Encode clusters; see `ClusterEncoder.encode`."""
        x = torch.cat([x, positions], dim=1)
        for layer in self.layers:
            x = self.dropout(layer(x, positions, edge_index))
        return x
