"""Cluster encoder without edges: dense layers on each cluster alone."""

from __future__ import annotations

from torch import Tensor, nn

from locgraph.nn.sizes import DataSizes
from locgraph.nn.stack import Block, Stack


class ClusterMlp(Stack):
    """A stack of dense layers: what the clusters alone say, without where they are or which others are near.

    Invariant to rotation, reflection and shift, as it reads no position.

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
            return Block(nn.Identity(), channels, dropout, residual, normalise)

        super().__init__(in_channels, channels, layers, make_layer)

    def forward(self, x: Tensor, positions: Tensor, edge_index: Tensor) -> Tensor:
        """Cluster vectors to cluster vectors.

        Args:
            x: (C, in_channels).
            positions: (C, D); not read.
            edge_index: (2, E); not read.

        Returns:
            (C, channels) float32.
        """
        return self.run(x)
