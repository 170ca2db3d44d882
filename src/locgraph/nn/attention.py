"""Attention in several heads, over the neighbours of each cluster."""

from __future__ import annotations

from torch import Tensor, nn

from locgraph.errors import ConfigError
from locgraph.nn.precision import pool
from locgraph.nn.seams import NeighbourSoftmax


def check_heads(channels: int, heads: int) -> None:
    """Refuses heads that do not share the channels evenly.

    Raises:
        ConfigError: ``heads`` is below 1 or does not divide ``channels``.
    """
    if heads < 1 or channels % heads:
        raise ConfigError(
            f"model.cluster_encoder.heads must be at least 1 and divide channels, found heads={heads}, "
            f"channels={channels}"
        )


class Attend(nn.Module):
    """Sums the messages to each cluster, weighted by a softmax over its neighbours, in 32 bits.

    Args:
        rows: What the first rows are; see ``NeighbourSoftmax``.
    """

    def __init__(self, rows: tuple[str, str, str] | str | None = None) -> None:
        super().__init__()
        self.softmax = NeighbourSoftmax(rows)

    def forward(self, scores: Tensor, messages: Tensor, target: Tensor, size: int) -> Tensor:
        """One round.

        Args:
            scores: (E, H), one for each head.
            messages: (E, H, F).
            target: (E,) int64, the cluster that each message goes to.
            size: Number of clusters C.

        Returns:
            (C, H F) float32; 0 where nothing is received.
        """
        weights = self.softmax(scores, target, size)
        return pool((weights[:, :, None] * messages).flatten(1), target, size, "sum")
