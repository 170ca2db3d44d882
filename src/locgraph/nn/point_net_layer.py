"""The PointNet layer: dense layers on each neighbour and its relative position, then the largest values."""

from __future__ import annotations

from torch import Tensor, nn

from locgraph.nn.mlp import mlp
from locgraph.nn.precision import pool
from locgraph.nn.rows import gather
from locgraph.nn.seams import Messages


class PointNetLayer(nn.Module):
    """Each point takes, channel by channel, the largest value of ``h(x_j, p_j - p_i)`` among its neighbours j.

    The first dense layer of ``h`` is split: what it makes of ``x_j`` is computed once for each point, not for each
    edge. Not invariant to rotation: it sees coordinates.

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
        self.messages = Messages()

    def forward(self, x: Tensor, offsets: Tensor, edge_index: Tensor, size: int | None = None) -> Tensor:
        """One round.

        Args:
            x: (N, in_channels).
            offsets: (E, D) float32, position of the source less that of the target.
            edge_index: (2, E) int64: source, target.
            size: Number of targets M; None where sources and targets are the same points.

        Returns:
            (M, out_channels) float32; 0 where a point has no neighbour.
        """
        source, target = edge_index
        each = self.local(gather(self.value(x), source) + self.position(offsets))
        return pool(self.messages(each, edge_index), target, len(x) if size is None else size, "max")
