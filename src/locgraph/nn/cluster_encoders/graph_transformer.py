"""Graph transformer on clusters: attention in several heads, with the distance in keys and values."""

from __future__ import annotations

import math

from torch import Tensor, nn

from locgraph.nn.attention import Attend, check_heads
from locgraph.nn.expansion import GaussianExpansion, expanded_layer
from locgraph.nn.rows import gather
from locgraph.nn.seams import Messages
from locgraph.nn.sizes import DataSizes
from locgraph.nn.stack import Block, DistanceStack


class TransformerGather(nn.Module):
    """Attention of ``query_i`` to ``key_j + e_ij``, which weighs ``value_j + e_ij``; the cluster's own vector is added.

    Equal to PyG's ``TransformerConv``, but scores, softmax and sums stay in 32 bits under 16-bit mixed precision.

    Args:
        channels: Size of the vectors.
        heads: Number of heads that share the channels.
        edge_channels: Number of values that describe the geometry of an edge.
    """

    def __init__(self, channels: int, heads: int, edge_channels: int) -> None:
        super().__init__()
        self.query = nn.Linear(channels, channels)
        self.key = nn.Linear(channels, channels)
        self.value = nn.Linear(channels, channels)
        self.edge = expanded_layer(edge_channels, channels)
        self.own = nn.Linear(channels, channels)
        self.heads, self.width = heads, channels // heads
        self.messages, self.attend = Messages(), Attend()

    def forward(self, x: Tensor, edge_values: Tensor, edge_index: Tensor) -> Tensor:
        """(C, channels), (E, edge_channels) and (2, E) to (C, channels) float32."""
        source, target = edge_index
        edge = self.edge(edge_values)
        products = gather(self.query(x), target) * (gather(self.key(x), source) + edge)
        scores = self._by_head(products).float().sum(dim=2) / math.sqrt(self.width)
        messages = self.messages(self._by_head(gather(self.value(x), source) + edge), edge_index)
        return self.own(x) + self.attend(scores, messages, target, len(x))

    def _by_head(self, values: Tensor) -> Tensor:
        return values.view(-1, self.heads, self.width)


class GraphTransformer(DistanceStack):
    """A stack of graph-transformer layers, invariant to rotation, reflection and shift by construction.

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

    Source: Shi et al. 2021, "Masked label prediction", arXiv 2009.03509.
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
            return Block(TransformerGather(channels, heads, n_gaussians), channels, dropout, residual, normalise)

        super().__init__(in_channels, channels, layers, make_layer, GaussianExpansion(n_gaussians, longest))
