"""Readouts: vectors of clusters to one vector for each graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData
from torch_geometric.nn.aggr import SetTransformerAggregation
from torch_geometric.nn.aggr.utils import InducedSetAttentionBlock

from locgraph import schema
from locgraph.errors import ConfigError, DataError
from locgraph.nn.base import Readout, build_part
from locgraph.nn.layers import check_heads, check_reductions, mlp
from locgraph.nn.messages import AttentionSum
from locgraph.nn.precision import neighbour_softmax, no_autocast, pool
from locgraph.nn.rows import gather
from locgraph.nn.sizes import DataSizes
from locgraph.settings import check_whole


class Pooled(Readout):
    """Reduces each channel over all clusters of a graph; several reductions stand side by side.

    Args:
        in_channels: Size of the cluster vectors.
        sizes: Numbers from the data.
        reduce: Some of ``max``, ``mean``, ``sum``.

    Raises:
        ConfigError: ``reduce`` is empty or names something else.
    """

    def __init__(self, in_channels: int, sizes: DataSizes, reduce: Sequence[str] = ("max",)) -> None:
        check_reductions("reduce", reduce)
        super().__init__(in_channels * len(reduce))
        self.reductions = tuple(reduce)

    def reduce(self, x: Tensor, batch: Tensor, n_graphs: int) -> Tensor:
        """(C, F) and (C,) int64 to (n_graphs, F times reductions) float32."""
        return _reduced(x, batch, n_graphs, self.reductions)


class SingleCluster(Readout):
    """Returns the vector of the only cluster of each graph, and refuses graphs of several.

    Args:
        in_channels: Size of the cluster vectors.
        sizes: Numbers from the data.
    """

    def __init__(self, in_channels: int, sizes: DataSizes) -> None:
        super().__init__(in_channels)

    def reduce(self, x: Tensor, batch: Tensor, n_graphs: int) -> Tensor:
        """(C, F) and (C,) int64 to (n_graphs, F) float32; 0 where a graph has no cluster.

        Raises:
            DataError: A graph has several clusters.
        """
        most = int(torch.bincount(batch, minlength=1).max())
        if most > 1:
            raise DataError(
                f"this readout (single_cluster) expects FOVs that are one cluster, found one of {most}; prepare them "
                "with clustering=one min_clusters=1, or choose another readout"
            )
        return pool(x, batch, n_graphs, "sum")


class Attention(Readout):
    """Sum over the clusters of a graph, weighted by a small network whose weights a softmax normalises to 1.

    Args:
        in_channels: Size of the cluster vectors.
        sizes: Numbers from the data.
        hidden: Size of the hidden layer of the weighing network.
        by_channel: One weight for each channel of a cluster instead of one for the whole cluster.

    Raises:
        ConfigError: ``hidden`` is below 1.

    Source: Li et al. 2016, "Gated graph sequence neural networks", arXiv 1511.05493.
    """

    def __init__(self, in_channels: int, sizes: DataSizes, hidden: int = 32, by_channel: bool = False) -> None:
        super().__init__(in_channels)
        check_whole("hidden", hidden, at_least=1)
        self.weigh = mlp([in_channels, hidden, in_channels if by_channel else 1])
        self.attend = AttentionSum()

    @property
    def attention(self) -> nn.Module:
        """Module that weighs clusters."""
        return self.attend

    def reduce(self, x: Tensor, batch: Tensor, n_graphs: int) -> Tensor:
        """(C, F) and (C,) int64 to (n_graphs, F) float32."""
        alpha = neighbour_softmax(self.weigh(x), batch, n_graphs)
        edge_index = torch.stack([torch.arange(len(batch), device=batch.device), batch])
        attended: Tensor = self.attend(alpha, x.float(), edge_index, n_graphs)
        return attended


class SetTransformer(Readout):
    """PyG's ``SetTransformerAggregation`` with induced attention, in 32 bits.

    All clusters of a FOV attend to each other whatever the edges, by way of ``inducing`` learned points, so that time
    grows with the number of clusters and not with its square. Then learned seeds attend to the clusters. Positions are
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
        for name, value in (("channels", channels), ("inducing", inducing), ("seeds", seeds)):
            check_whole(name, value, at_least=1)
        check_whole("layers", layers, at_least=0)
        check_heads(channels, heads)
        super().__init__(seeds * channels)
        self.lift = mlp([in_channels, channels])
        self.aggregation = SetTransformerAggregation(
            channels, seeds, num_encoder_blocks=0, num_decoder_blocks=int(seeds > 1), heads=heads, layer_norm=True
        )
        # PyG's own encoder blocks attend from all clusters to all: their time grows with the square
        self.aggregation.encoders.extend(
            InducedSetAttentionBlock(channels, inducing, heads, layer_norm=True) for _ in range(layers)
        )

    @property
    def attention(self) -> nn.Module:
        """Module with which the seeds attend to the clusters."""
        attention: nn.Module = self.aggregation.pma.mab.attn
        return attention

    def reduce(self, x: Tensor, batch: Tensor, n_graphs: int) -> Tensor:
        """(C, F) and (C,) int64 to (n_graphs, seeds channels) float32; 0 where a graph has no cluster."""
        filled = torch.bincount(batch, minlength=n_graphs) > 0
        vectors = x.new_zeros((n_graphs, self.out_channels), dtype=torch.float32)
        if not len(batch):
            return vectors
        # without empty graphs, whose softmax over nothing has no finite gradient
        index = (filled.cumsum(0) - 1)[batch]
        with no_autocast(x.device):
            vectors[filled] = self.aggregation(self.lift(x.float()), index)
        return vectors


class SuperclusterPooled(Readout):
    """Reduces each channel within superclusters, scale by scale, with dense layers in between, then over the FOV.

    Few large superclusters so count as much as many small ones. Their own features join before the dense layers.

    Args:
        in_channels: Size of the cluster vectors.
        sizes: Numbers from the data.
        channels: Size of the vectors of superclusters.
        within: Reductions within each supercluster, some of ``max``, ``mean``, ``sum``.
        across: Reductions over the superclusters of the last scale.

    Raises:
        ConfigError: The graphs hold no superclusters, ``channels`` is below 1, or a reduction does not exist.
    """

    def __init__(
        self,
        in_channels: int,
        sizes: DataSizes,
        channels: int = 64,
        within: Sequence[str] = ("mean", "max"),
        across: Sequence[str] = ("mean", "max"),
    ) -> None:
        check_whole("channels", channels, at_least=1)
        check_reductions("within", within)
        check_reductions("across", across)
        if not sizes.superlevels:
            raise ConfigError(
                "this readout (supercluster) expects superclusters, the graph store has none; prepare graphs with "
                "superclusters=linked, or choose another readout"
            )
        super().__init__(channels * len(across))
        self.within, self.across = tuple(within), tuple(across)
        ins = [in_channels, *[channels] * (sizes.superlevels - 1)]
        self.layers = nn.ModuleList(
            mlp([size * len(self.within) + sizes.supercluster_features, channels], last_plain=False) for size in ins
        )

    def forward(self, x: Tensor, graph: HeteroData) -> Tensor:
        """Read out a batch of B graphs: (C, in_channels) to (B, channels times reductions) float32."""
        for index, layer in enumerate(self.layers):
            below, above = graph[schema.superlevel_in(index)].edge_index
            own = graph[schema.superlevel(index)][schema.FEATURES]
            x = layer(torch.cat([_reduced(gather(x, below), above, len(own), self.within), own], dim=1))
        return _reduced(x, graph[schema.superlevel(len(self.layers) - 1)].batch, graph.num_graphs, self.across)


class WithDescriptors(Readout):
    """The descriptors of each FOV, after a dense layer of their own, beside the vector of another readout.

    Args:
        in_channels: Size of the cluster vectors.
        sizes: Numbers from the data.
        readout: Makes the other readout: ``(in_channels, sizes) ->`` `Readout`.
        channels: Size of the vector that the descriptors become.
        dropout: Probability that a value of it is dropped in training.

    Raises:
        ConfigError: The graphs hold no descriptors, ``channels`` is below 1, or ``dropout`` is out of range.
    """

    def __init__(
        self,
        in_channels: int,
        sizes: DataSizes,
        readout: Callable[..., Readout],
        channels: int = 32,
        dropout: float = 0.0,
    ) -> None:
        check_whole("channels", channels, at_least=1)
        if not sizes.descriptors:
            raise ConfigError(
                "this readout (with_descriptors) expects descriptors of the FOVs, the graph store has none; prepare "
                "graphs with descriptors=standard, or choose another readout"
            )
        inner = build_part(readout, "readout", Readout, in_channels=in_channels, sizes=sizes)
        super().__init__(inner.out_channels + channels)
        self.readout = inner
        self.describe = mlp([sizes.descriptors, channels], dropout, last_plain=False)

    @property
    def attention(self) -> nn.Module | None:
        """Module of the other readout that weighs clusters."""
        return self.readout.attention

    def forward(self, x: Tensor, graph: HeteroData) -> Tensor:
        """Read out a batch of B graphs: (C, in_channels) to (B, F + channels) float32."""
        described = self.describe(graph[schema.FIELD_OF_VIEW][schema.FEATURES]).float()
        return torch.cat([self.readout(x, graph), described], dim=1)


def _reduced(x: Tensor, index: Tensor, size: int, reduce: Sequence[str]) -> Tensor:
    """Return reductions of the rows that share an index, side by side: (C, F) to (size, F times reductions) float32."""
    return torch.cat([pool(x, index, size, name) for name in reduce], dim=1)
