"""Point-transformer cluster encoder: attention among neighbouring clusters, on their coordinates."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from locgraph.nn.mlp import check_dropout, check_sizes
from locgraph.nn.point_transformer_layer import PointTransformerLayer
from locgraph.nn.sizes import DataSizes


class PointTransformerClusters(nn.Module):
    """A stack of point-transformer layers. Not invariant to rotation: train it with the rotation augmentation.

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
        super().__init__()
        check_sizes("model.cluster_encoder.channels", channels)
        check_dropout(dropout)
        ins = [in_channels + sizes.dimensions, *channels[:-1]]
        self.layers = nn.ModuleList(
            PointTransformerLayer(size_in, size_out, sizes.dimensions)
            for size_in, size_out in zip(ins, channels, strict=True)
        )
        self.dropout = nn.Dropout(dropout)
        self.out_channels = channels[-1]

    def forward(self, x: Tensor, positions: Tensor, edge_index: Tensor) -> Tensor:
        """Cluster vectors to cluster vectors.

        Args:
            x: (C, in_channels).
            positions: (C, D) float32, in units of order one.
            edge_index: (2, E) int64.

        Returns:
            (C, channels[-1]) float32.
        """
        x = torch.cat([x, positions], dim=1)
        for layer in self.layers:
            x = self.dropout(layer(x, positions, edge_index))
        return x
