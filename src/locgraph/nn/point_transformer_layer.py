"""The point-transformer layer: vector attention over neighbours with a learned encoding of their relative positions."""

from __future__ import annotations

from torch import Tensor, nn

from locgraph.nn.precision import pool
from locgraph.nn.rows import gather
from locgraph.nn.seams import Messages, NeighbourSoftmax


class PointTransformerLayer(nn.Module):
    """Each point gathers from its neighbours, weighted channel by channel.

    With source j and target i of an edge, the weight of a channel is the softmax over j of
    ``attention(query_i - key_j + position(p_i - p_j))`` and the message ``value_j + position(p_i - p_j)``; the point
    itself enters through the residual path. Not invariant to rotation: it sees coordinates.

    Args:
        in_channels: Size of the incoming vectors.
        out_channels: Size of the outgoing vectors.
        dimensions: 2 or 3.

    Source: Zhao et al. 2021, "Point Transformer", arXiv 2012.09164.
    """

    def __init__(self, in_channels: int, out_channels: int, dimensions: int) -> None:
        super().__init__()
        self.query = nn.Linear(in_channels, out_channels, bias=False)
        self.key = nn.Linear(in_channels, out_channels, bias=False)
        self.value = nn.Linear(in_channels, out_channels, bias=False)
        self.position = _two_layers(dimensions, out_channels)
        self.attention = _two_layers(out_channels, out_channels)
        self.residual = nn.Linear(in_channels, out_channels)
        self.norm = nn.LayerNorm(out_channels)
        self.messages, self.softmax = Messages(), NeighbourSoftmax()

    def forward(self, x: Tensor, positions: Tensor, edge_index: Tensor) -> Tensor:
        """One round of attention.

        Args:
            x: (N, in_channels).
            positions: (N, D) float32, in units of order one.
            edge_index: (2, E) int64: source, target.

        Returns:
            (N, out_channels) float32.
        """
        source, target = edge_index
        offset = self.position(gather(positions, target) - gather(positions, source))
        weights = self.attention(gather(self.query(x), target) - gather(self.key(x), source) + offset)
        weights = self.softmax(weights, target, len(x))
        messages = self.messages(gather(self.value(x), source) + offset, edge_index)
        gathered = pool(weights * messages, target, len(x), "sum")
        return nn.functional.silu(self.norm(self.residual(x).float() + gathered))


def _two_layers(size_in: int, size_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(size_in, size_out), nn.SiLU(), nn.Linear(size_out, size_out))
