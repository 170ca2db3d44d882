"""Graph isomorphism network on clusters: sums over neighbours, with the distance in each message."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from locgraph.nn.expansion import GaussianExpansion, expanded_layer
from locgraph.nn.precision import pool
from locgraph.nn.rows import gather
from locgraph.nn.seams import Messages
from locgraph.nn.sizes import DataSizes
from locgraph.nn.stack import Block, DistanceStack


class GinGather(nn.Module):
    """Sum of ``relu(x_j + e_ij)`` over the neighbours j, and ``(1 + epsilon) x_i``, with a learned epsilon.

    Args:
        channels: Size of the vectors.
        edge_channels: Number of values that describe the geometry of an edge.

    Source: Hu et al. 2020, "Strategies for pre-training graph neural networks", arXiv 1905.12265.
    """

    def __init__(self, channels: int, edge_channels: int) -> None:
        super().__init__()
        self.edge = expanded_layer(edge_channels, channels, bias=True)
        self.epsilon = nn.Parameter(torch.zeros(()))
        self.messages = Messages()

    def forward(self, x: Tensor, edge_values: Tensor, edge_index: Tensor) -> Tensor:
        """(C, channels), (E, edge_channels) and (2, E) to (C, channels) float32."""
        source, target = edge_index
        messages = self.messages(nn.functional.relu(gather(x, source) + self.edge(edge_values)), edge_index)
        return (1.0 + self.epsilon) * x + pool(messages, target, len(x), "sum")


class Gin(DistanceStack):
    """A stack of GIN layers, invariant to rotation, reflection and shift by construction.

    A sum over neighbours can count them, which a mean cannot. Messages carry the distance, without which neighbours
    would differ in their vectors alone. It cannot tell a shape from its mirror image.

    Args:
        in_channels: Size of the incoming cluster vectors.
        sizes: Numbers from the data.
        channels: Size of the vectors.
        layers: Number of layers.
        n_gaussians: Gaussians that a distance is expanded in, at least 2.
        longest: Distance of the last Gaussian, in units of position.
        dropout: Probability that a hidden value is dropped in training.
        residual: Whether a layer adds to the vectors, or takes their place.
        normalise: Whether there is layer normalisation before each layer.

    Raises:
        ConfigError: A number is out of range.

    Source: Xu et al. 2019, "How powerful are graph neural networks?", arXiv 1810.00826.
    """

    def __init__(
        self,
        in_channels: int,
        sizes: DataSizes,
        channels: int = 64,
        layers: int = 3,
        n_gaussians: int = 32,
        longest: float = 4.0,
        dropout: float = 0.0,
        residual: bool = True,
        normalise: bool = True,
    ) -> None:
        def make_layer() -> Block:
            return Block(GinGather(channels, n_gaussians), channels, dropout, residual, normalise)

        super().__init__(in_channels, channels, layers, make_layer, GaussianExpansion(n_gaussians, longest))
