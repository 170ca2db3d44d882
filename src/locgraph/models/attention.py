"""Attention in several heads, over the neighbours of each cluster."""

from __future__ import annotations

from torch import Tensor

from locgraph.errors import ConfigError
from locgraph.models.precision import neighbour_softmax, pool


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


def attend(scores: Tensor, messages: Tensor, target: Tensor, size: int) -> Tensor:
    """Sums the messages to each cluster, weighted by a softmax over its neighbours, in 32 bits.

    Args:
        scores: (E, H), one for each head.
        messages: (E, H, F).
        target: (E,) int64, the cluster that each message goes to.
        size: Number of clusters C.

    Returns:
        (C, H F) float32; 0 where nothing is received.
    """
    weights = neighbour_softmax(scores, target, size)
    return pool((weights[:, :, None] * messages).flatten(1), target, size, "sum")
