"""Readout of FOVs that are one point cloud: their only cluster."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from locgraph.errors import DataError
from locgraph.nn.precision import pool
from locgraph.nn.sizes import DataSizes


class SingleCluster(nn.Module):
    """Takes the vector of the only cluster of each graph, and refuses graphs of several.

    Args:
        in_channels: Size of the cluster vectors.
        sizes: Numbers from the data.
    """

    def __init__(self, in_channels: int, sizes: DataSizes) -> None:
        super().__init__()
        self.out_channels = in_channels

    def forward(self, x: Tensor, batch: Tensor, n_graphs: int) -> Tensor:
        """(C, F) and (C,) int64 to (n_graphs, F) float32; 0 where a graph has no cluster.

        Raises:
            DataError: A graph has several clusters.
        """
        most = int(torch.bincount(batch, minlength=1).max())
        if most > 1:
            raise DataError(
                f"model/readout=single_cluster expected FOVs that are one cluster, found one of {most}; prepare them "
                "with clustering=one data.min_clusters=1, or choose another readout"
            )
        return pool(x, batch, n_graphs, "sum")
