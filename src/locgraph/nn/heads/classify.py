"""Head that classifies whole FOVs."""

from __future__ import annotations

from torch import Tensor, nn

from locgraph.nn.mlp import mlp
from locgraph.nn.sizes import DataSizes


class ClassifyFov(nn.Module):
    """Dense layers from the vector of a graph to its logits.

    Args:
        in_channels: Size of the graph vectors.
        sizes: Numbers from the data.
        hidden: Size of the hidden layer.
        dropout: Probability that a hidden value is dropped in training.
    """

    def __init__(self, in_channels: int, sizes: DataSizes, hidden: int = 64, dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = mlp([in_channels, hidden, sizes.n_classes], dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, F) to logits (B, K) float32."""
        return self.layers(x).float()
