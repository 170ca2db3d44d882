"""GATv2 on clusters: dynamic attention in several heads, with the distance in scores and messages."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from locgraph.nn.attention import Attend, check_heads
from locgraph.nn.expansion import GaussianExpansion, expanded_layer
from locgraph.nn.rows import gather
from locgraph.nn.seams import Messages
from locgraph.nn.sizes import DataSizes
from locgraph.nn.stack import Block, DistanceStack


class GatV2Gather(nn.Module):
    """Weighs ``left_j + e_ij`` by the score of ``leaky_relu(left_j + e_ij + right_i)``; the own vector is added.

    As PyG's ``GATv2Conv`` with a residual and without self-loops, but the geometry of an edge joins the message too:
    clusters without features would send nothing otherwise. Scores, softmax and sums stay in 32 bits under 16-bit mixed
    precision.

    Args:
        channels: Size of the vectors.
        heads: Number of heads that share the channels.
        edge_channels: Number of values that describe the geometry of an edge.
    """

    def __init__(self, channels: int, heads: int, edge_channels: int) -> None:
        super().__init__()
        self.left = nn.Linear(channels, channels)
        self.right = nn.Linear(channels, channels)
        self.edge = expanded_layer(edge_channels, channels)
        self.own = nn.Linear(channels, channels, bias=False)
        width = channels // heads
        self.score = nn.Parameter(torch.randn(heads, width) / math.sqrt(width))
        self.messages, self.attend = Messages(), Attend()

    def forward(self, x: Tensor, edge_values: Tensor, edge_index: Tensor) -> Tensor:
        """(C, channels), (E, edge_channels) and (2, E) to (C, channels) float32."""
        source, target = edge_index
        message = gather(self.left(x), source) + self.edge(edge_values)
        mixed = nn.functional.leaky_relu(message + gather(self.right(x), target), 0.2)
        scores = (mixed.view(-1, *self.score.shape).float() * self.score).sum(dim=2)
        messages = self.messages(message.view(-1, *self.score.shape), edge_index)
        return self.own(x) + self.attend(scores, messages, target, len(x))


class GatV2(DistanceStack):
    """A stack of GATv2 layers, invariant to rotation, reflection and shift by construction.

    Of the geometry it sees distances alone: it cannot tell a shape from its mirror image.

    Args:
        in_channels: Size of the incoming cluster vectors.
        sizes: Numbers from the data.
        channels: Size of the vectors.
        layers: Number of layers.
        heads: Number of heads, which share the channels.
        n_gaussians: Gaussians that a distance is expanded in, at least 2.
        longest: Distance of the last Gaussian, in units of position.
        dropout: Probability that a hidden value is dropped in training.
        residual: Whether a layer adds to the vectors, or takes their place.
        normalise: Whether there is layer normalisation before each layer.

    Raises:
        ConfigError: A number is out of range.

    Source: Brody et al. 2022, "How attentive are graph attention networks?", arXiv 2105.14491.
    """

    def __init__(
        self,
        in_channels: int,
        sizes: DataSizes,
        channels: int = 64,
        layers: int = 3,
        heads: int = 4,
        n_gaussians: int = 32,
        longest: float = 4.0,
        dropout: float = 0.0,
        residual: bool = True,
        normalise: bool = True,
    ) -> None:
        check_heads(channels, heads)

        def make_layer() -> Block:
            return Block(GatV2Gather(channels, heads, n_gaussians), channels, dropout, residual, normalise)

        super().__init__(in_channels, channels, layers, make_layer, GaussianExpansion(n_gaussians, longest))
