"""Encoders of clusters as points: edge convolution, PointNet and point transformer; and dense layers on each alone.

Those that read coordinates are not invariant to rotation: train them with the rotation augmentation.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch_geometric.utils import add_self_loops

from locgraph.errors import ConfigError
from locgraph.nn.base import ClusterEncoder
from locgraph.nn.cluster_encoders.stacks import BlockStack
from locgraph.nn.layers import check_dropout, check_sizes
from locgraph.nn.point_layers import EdgeGather, PointNetLayer, PointTransformerLayer
from locgraph.nn.rows import gather
from locgraph.nn.sizes import DataSizes


class NoClusterEncoder(ClusterEncoder):
    """No cluster encoder: vectors of clusters stay as the localisation encoder and the features of clusters give them.

    Args:
        in_channels: Size of the vectors.
        sizes: Numbers from the data.

    Raises:
        ConfigError: Clusters have no vectors at all.
    """

    def __init__(self, in_channels: int, sizes: DataSizes) -> None:
        if in_channels < 1:
            raise ConfigError(
                "clusters have neither a localisation encoder nor features, so that nothing is left to learn from; "
                "choose model/loc_encoder, or model.cluster_features=true"
            )
        super().__init__(in_channels)

    def encode(self, x: Tensor, positions: Tensor, edge_index: Tensor) -> Tensor:
        """Return the vectors as they are."""
        return x


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
