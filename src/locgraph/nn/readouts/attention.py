"""Readout by attention: a learned weight for each cluster says how much it counts."""

from __future__ import annotations

from torch import Tensor, nn

from locgraph import schema
from locgraph.nn.mlp import mlp
from locgraph.nn.precision import pool
from locgraph.nn.seams import NeighbourSoftmax
from locgraph.nn.sizes import DataSizes


class Attention(nn.Module):
    """Sums the clusters of a graph with weights that a small network gives and a softmax makes sum to 1.

    Args:
        in_channels: Size of the cluster vectors.
        sizes: Numbers from the data.
        hidden: Size of the hidden layer of the weighing network.
        by_channel: One weight for each channel of a cluster instead of one for the whole cluster.

    Source: Li et al. 2016, "Gated graph sequence neural networks", arXiv 1511.05493.
    """

    def __init__(self, in_channels: int, sizes: DataSizes, hidden: int = 32, by_channel: bool = False) -> None:
        super().__init__()
        self.weigh = mlp([in_channels, hidden, in_channels if by_channel else 1])
        self.softmax = NeighbourSoftmax(schema.CLUSTER)
        self.out_channels = in_channels

    def forward(self, x: Tensor, batch: Tensor, n_graphs: int) -> Tensor:
        """(C, F) and (C,) int64 to (n_graphs, F) float32."""
        return pool(self.softmax(self.weigh(x), batch, n_graphs) * x.float(), batch, n_graphs, "sum")
