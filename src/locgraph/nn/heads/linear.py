"""Head that classifies whole FOVs by one linear layer."""

from __future__ import annotations

from torch import Tensor, nn

from locgraph.nn.mlp import mlp
from locgraph.nn.sizes import DataSizes


class LinearHead(nn.Module):
    """One linear layer from the vector of a graph to its logits.

    After the readout ``mean`` the logits of a FOV are the mean of those that this layer gives each of its clusters
    alone: every cluster votes.

    Args:
        in_channels: Size of the graph vectors.
        sizes: Numbers from the data.
    """

    def __init__(self, in_channels: int, sizes: DataSizes) -> None:
        super().__init__()
        self.layers = mlp([in_channels, sizes.n_classes])

    def forward(self, x: Tensor) -> Tensor:
        """(B, F) to logits (B, K) float32."""
        return self.layers(x).float()
