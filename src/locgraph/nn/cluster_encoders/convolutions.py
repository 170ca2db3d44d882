"""Convolutions on the graph of clusters whose edges carry expanded distances: GIN, GATv2 and graph transformer."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.nn import GINEConv, TransformerConv

from locgraph.nn.cluster_encoders.stacks import DistanceEncoder
from locgraph.nn.geometry import expanded_layer, reset_expanded
from locgraph.nn.layers import Block, check_heads, mlp
from locgraph.nn.messages import AttentionSum, In32Bits
from locgraph.nn.precision import neighbour_softmax
from locgraph.nn.rows import gather
from locgraph.nn.sizes import DataSizes


class Gin(DistanceEncoder):
    """A stack of GIN layers (PyG's ``GINEConv``): sums over neighbours, with the distance in each message.

    A sum over neighbours can count them, which a mean cannot. Messages carry the distance, without which neighbours
    would differ in their vectors alone.

    Sources: Xu et al. 2019, "How powerful are graph neural networks?", arXiv 1810.00826; Hu et al. 2020, "Strategies
    for pre-training graph neural networks", arXiv 1905.12265.
    """

    def make_layer(
        self, channels: int, edge_channels: int, dropout: float, residual: bool, normalise: bool
    ) -> nn.Module:
        """Return one layer, whose convolution holds the dense layers too."""
        gather = GinConv(channels, edge_channels, dropout)
        return Block(gather, channels, dropout, residual, normalise, update=nn.Identity())


class GinConv(In32Bits, GINEConv):
    """PyG's ``GINEConv`` with a learned epsilon, on expanded distances.

    Args:
        channels: Size of the vectors.
        edge_channels: Number of values that describe the geometry of an edge.
        dropout: Probability that a hidden value is dropped in training.
    """

    def __init__(self, channels: int, edge_channels: int, dropout: float = 0.0) -> None:
        super().__init__(mlp([channels, channels, channels], dropout), train_eps=True, edge_dim=edge_channels)

    def reset_parameters(self) -> None:
        """Draw the weights anew."""
        super().reset_parameters()
        reset_expanded(self.lin.weight)


class AttentionEncoder(DistanceEncoder):
    """Base class of encoders with attention in several heads; sums and softmax over neighbours are of 32 bits.

    Args:
        in_channels: Size of the incoming cluster vectors.
        sizes: Numbers from the data.
        channels: Size of the vectors.
        layers: Number of layers.
        heads: Number of heads, which share the channels.
        n_gaussians: Gaussians that a distance is expanded in, at least 2.
        longest: Distance of the last Gaussian, in units of position.
        dropout: Probability that a hidden value is dropped in training.
        residual: Whether a layer adds to the vectors, or replaces them.
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
        heads: int = 4,
        n_gaussians: int = 32,
        longest: float = 4.0,
        dropout: float = 0.0,
        residual: bool = True,
        normalise: bool = True,
    ) -> None:
        check_heads(channels, heads)
        self.heads = heads
        super().__init__(in_channels, sizes, channels, layers, n_gaussians, longest, dropout, residual, normalise)


class GatV2(AttentionEncoder):
    """A stack of GATv2 layers: dynamic attention in several heads, with the distance in scores and messages.

    Source: Brody et al. 2022, "How attentive are graph attention networks?", arXiv 2105.14491.
    """

    def make_gather(self, channels: int, edge_channels: int) -> nn.Module:
        """Return the gather of one layer."""
        return GatV2Conv(channels, self.heads, edge_channels)


class GatV2Conv(nn.Module):
    """Weighs ``left_j + e_ij`` by the score of ``leaky_relu(left_j + e_ij + right_i)``; the own vector is added.

    PyG's ``GATv2Conv`` keeps the geometry ``e_ij`` out of the message, so that clusters without features would send
    nothing; a subclass would replace its ``forward``, ``edge_update`` and ``message``, all but the constructor. Without
    geometry both are equal.

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
        self.attend = AttentionSum()

    def forward(self, x: Tensor, edge_index: Tensor, edge_values: Tensor) -> Tensor:
        """(C, channels), (2, E) and (E, edge_channels) to (C, channels) float32."""
        source, target = edge_index
        messages = gather(self.left(x), source) + self.edge(edge_values)
        mixed = nn.functional.leaky_relu(messages + gather(self.right(x), target), 0.2)
        scores = (mixed.view(-1, *self.score.shape).float() * self.score).sum(dim=2)
        alpha = neighbour_softmax(scores, target, len(x))
        return self.own(x) + self.attend(alpha, messages.view(-1, *self.score.shape), edge_index, len(x))


class GraphTransformer(AttentionEncoder):
    """A stack of graph-transformer layers (PyG's ``TransformerConv``), with the distance in keys and values.

    Source: Shi et al. 2021, "Masked label prediction", arXiv 2009.03509.
    """

    def make_gather(self, channels: int, edge_channels: int) -> nn.Module:
        """Return the gather of one layer."""
        return GraphTransformerConv(channels, self.heads, edge_channels)


class GraphTransformerConv(In32Bits, TransformerConv):
    """PyG's ``TransformerConv`` on expanded distances, with scores, softmax and sums in 32 bits.

    Args:
        channels: Size of the vectors.
        heads: Number of heads that share the channels.
        edge_channels: Number of values that describe the geometry of an edge.
    """

    def __init__(self, channels: int, heads: int, edge_channels: int) -> None:
        super().__init__(channels, channels // heads, heads, edge_dim=edge_channels)

    def reset_parameters(self) -> None:
        """Draw the weights anew."""
        super().reset_parameters()
        reset_expanded(self.lin_edge.weight)

    def message(
        self,
        query_i: Tensor,
        key_j: Tensor,
        value_j: Tensor,
        edge_attr: Tensor,
        index: Tensor,
        size_i: int,
    ) -> Any:
        """Return the weighted value of each edge (E, heads, channels per head)."""
        edge = self.lin_edge(edge_attr).view(-1, self.heads, self.out_channels)
        scores = (query_i * (key_j + edge)).float().sum(dim=2) / math.sqrt(self.out_channels)
        self._alpha = neighbour_softmax(scores, index, size_i)
        return self._alpha[:, :, None] * (value_j + edge)
