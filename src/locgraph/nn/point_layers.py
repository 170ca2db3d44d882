"""Layers on points and their coordinates, shared by the encoders of localisations and of clusters."""

from __future__ import annotations

from torch import Tensor, nn

from locgraph.nn.layers import mlp
from locgraph.nn.messages import Aggregate, AttentionSum
from locgraph.nn.precision import neighbour_softmax
from locgraph.nn.rows import gather


class PointNetLayer(nn.Module):
    """Each point takes, channel by channel, the largest value of ``h(x_j, p_j - p_i)`` among its neighbours j.

    The first dense layer of ``h`` is split: its part on ``x_j`` is computed once for each point, not for each edge,
    which takes half the time of PyG's ``PointNetConv``. Not invariant to rotation: it reads coordinates.

    Args:
        in_channels: Size of the incoming vectors.
        out_channels: Size of the outgoing vectors.
        dimensions: 2 or 3.

    Source: Qi et al. 2017, "PointNet++", arXiv 1706.02413.
    """

    def __init__(self, in_channels: int, out_channels: int, dimensions: int) -> None:
        super().__init__()
        self.value = nn.Linear(in_channels, out_channels)
        self.position = nn.Linear(dimensions, out_channels, bias=False)
        self.local = nn.Sequential(
            nn.LayerNorm(out_channels), nn.SiLU(), *mlp([out_channels, out_channels], last_plain=False)
        )
        self.aggregate = Aggregate("max")

    def forward(self, x: Tensor, offsets: Tensor, edge_index: Tensor, size: int | None = None) -> Tensor:
        """Gather from neighbours.

        Args:
            x: (N, in_channels).
            offsets: (E, D) float32, position of the source less that of the target.
            edge_index: (2, E) int64: source, target.
            size: Number of targets M; None where sources and targets are the same points.

        Returns:
            (M, out_channels) float32; 0 where a point has no neighbour.
        """
        source, _ = edge_index
        each = self.local(gather(self.value(x), source) + self.position(offsets))
        return self.aggregate(each, edge_index, len(x) if size is None else size)


class PointTransformerLayer(nn.Module):
    """Each point gathers from its neighbours, weighted channel by channel.

    With source j and target i of an edge, the weight of a channel is the softmax over j of
    ``attention(query_i - key_j + position(p_i - p_j))`` and the message ``value_j + position(p_i - p_j)``; the point
    itself enters through the residual path. PyG's ``PointTransformerConv`` takes 1.4 times as long in 32 bits, for its
    softmax. Not invariant to rotation: it reads coordinates.

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
        self.attend = AttentionSum()

    def forward(self, x: Tensor, positions: Tensor, edge_index: Tensor) -> Tensor:
        """Attend to neighbours.

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
        weights = neighbour_softmax(weights, target, len(x))
        gathered = self.attend(weights, gather(self.value(x), source) + offset, edge_index, len(x))
        return nn.functional.silu(self.norm(self.residual(x).float() + gathered))


class EdgeGather(nn.Module):
    """Largest value of ``h(x_i, x_j - x_i)`` among the neighbours j, channel by channel.

    The first dense layer of ``h`` is a sum of a part on ``x_i`` and one on ``x_j``, each computed once for a point,
    not once for an edge, which takes half the time of PyG's ``EdgeConv``, to which it is equal.

    Args:
        channels: Size of the vectors.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.target = nn.Linear(channels, channels)
        self.source = nn.Linear(channels, channels, bias=False)
        self.pair = nn.Sequential(nn.LayerNorm(channels), nn.SiLU(), *mlp([channels, channels], last_plain=False))
        self.aggregate = Aggregate("max")

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """(N, channels) and (2, E) to (N, channels) float32."""
        source, target = edge_index
        pairs = self.pair(gather(self.target(x), target) + gather(self.source(x), source))
        return self.aggregate(pairs, edge_index, len(x))


def _two_layers(size_in: int, size_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(size_in, size_out), nn.SiLU(), nn.Linear(size_out, size_out))
