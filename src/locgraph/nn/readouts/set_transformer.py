"""Set transformer: clusters attend to each other through a few learned points, and learned seeds attend to clusters."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.nn.attention import Attend
from locgraph.nn.mlp import check_sizes, mlp
from locgraph.nn.rows import gather
from locgraph.nn.sizes import DataSizes


class SetTransformer(nn.Module):
    """Induced set-attention blocks over the clusters of a graph, then pooling by multi-head attention.

    All clusters of a FOV hear each other whatever the edges, through ``inducing`` points, so that time grows with the
    number of clusters and not with its square. Nothing is padded: other FOVs of the batch change nothing. Positions are
    not read.

    Args:
        in_channels: Size of the cluster vectors.
        sizes: Numbers from the data.
        channels: Size of the vectors.
        heads: Number of heads, which share the channels.
        layers: Number of induced set-attention blocks, 0 or more.
        inducing: Number of inducing points of each.
        seeds: Number of seeds; each gives one vector of the FOV, side by side. Several also attend to each other.

    Raises:
        ConfigError: A number is out of range.

    Source: Lee et al. 2019, "Set Transformer", arXiv 1810.00825.
    """

    def __init__(
        self,
        in_channels: int,
        sizes: DataSizes,
        channels: int = 64,
        heads: int = 4,
        layers: int = 1,
        inducing: int = 16,
        seeds: int = 1,
    ) -> None:
        super().__init__()
        check_sizes("model.readout: channels, inducing and seeds", [channels, inducing, seeds])
        if heads < 1 or channels % heads or layers < 0:
            raise ConfigError(
                "model.readout expects heads of at least 1 that divide channels, and layers of at least 0, found "
                f"heads={heads}, channels={channels}, layers={layers}"
            )
        self.lift = mlp([in_channels, channels])
        self.blocks = nn.ModuleList(InducedSetAttention(channels, heads, inducing) for _ in range(layers))
        self.seeds = nn.Parameter(torch.randn(seeds, channels))
        self.pool = AttentionBlock(channels, heads, rows=schema.CLUSTER)
        self.among = AttentionBlock(channels, heads) if seeds > 1 else None
        self.out_channels = seeds * channels

    def forward(self, x: Tensor, batch: Tensor, n_graphs: int) -> Tensor:
        """(C, F) and (C,) int64 to (n_graphs, seeds channels) float32."""
        x = self.lift(x).float()
        for block in self.blocks:
            x = block(x, batch, n_graphs)
        count = len(self.seeds)
        found = self.pool(self.seeds.repeat(n_graphs, 1), x, _to_all(batch, count))
        if self.among is not None:
            owner = torch.arange(n_graphs, device=x.device).repeat_interleave(count)
            found = self.among(found, found, _to_all(owner, count))
        return found.view(n_graphs, -1)


class InducedSetAttention(nn.Module):
    """The points of a set attend to each other by way of a few learned points: ``ISAB`` of the paper.

    Args:
        channels: Size of the vectors.
        heads: Number of heads, which share the channels.
        count: Number of learned points.
    """

    def __init__(self, channels: int, heads: int, count: int) -> None:
        super().__init__()
        self.inducing = nn.Parameter(torch.randn(count, channels))
        self.gather = AttentionBlock(channels, heads)
        self.spread = AttentionBlock(channels, heads)

    def forward(self, x: Tensor, batch: Tensor, n_graphs: int) -> Tensor:
        """(C, channels) and (C,) int64 to (C, channels) float32."""
        edges = _to_all(batch, len(self.inducing))
        gathered = self.gather(self.inducing.repeat(n_graphs, 1), x, edges)
        return self.spread(x, gathered, edges.flip(0))


class AttentionBlock(nn.Module):
    """Queries attend to keys along given edges: ``MAB`` of the paper, with its softmax and sums in 32 bits.

    Args:
        channels: Size of the vectors.
        heads: Number of heads, which share the channels.
        rows: What the edges are, for those who look on; see ``NeighbourSoftmax``.
    """

    def __init__(self, channels: int, heads: int, rows: str | None = None) -> None:
        super().__init__()
        self.query, self.value, self.join = (nn.Linear(channels, channels) for _ in range(3))
        self.key = nn.Linear(channels, channels, bias=False)  # the same for all keys: no softmax would see it
        self.dense = mlp([channels, channels, channels])
        self.first, self.second = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.attend = Attend(rows)
        self.shape = (heads, channels // heads)

    def forward(self, queries: Tensor, keys: Tensor, edge_index: Tensor) -> Tensor:
        """One round.

        Args:
            queries: (Q, channels) float32.
            keys: (P, channels) float32.
            edge_index: (2, E) int64: key, query.

        Returns:
            (Q, channels) float32; a query without keys hears nothing.
        """
        source, target = edge_index
        query, key, value = (
            layer(x).view(-1, *self.shape) for layer, x in ((self.query, queries), (self.key, keys), (self.value, keys))
        )
        scores = (gather(query, target).float() * gather(key, source).float()).sum(dim=2) / math.sqrt(self.shape[1])
        heard = self.join(self.attend(scores, gather(value, source), target, len(queries)))
        x = self.first(queries + heard.float())
        return self.second(x + self.dense(x).float()).float()


def _to_all(owner: Tensor, count: int) -> Tensor:
    """Edges (2, n count) from each of n points (n,) of a graph to all of the ``count`` learned ones of this graph."""
    learned = owner[:, None] * count + torch.arange(count, device=owner.device)
    return torch.stack([torch.arange(len(owner), device=owner.device).repeat_interleave(count), learned.flatten()])
