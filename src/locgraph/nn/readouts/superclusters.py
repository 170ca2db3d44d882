"""Readout by levels: clusters to superclusters, these to those of the next scale, the last ones to the FOV."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.nn.mlp import check_sizes, mlp
from locgraph.nn.readouts.pooled import check_reductions, reduced
from locgraph.nn.rows import gather
from locgraph.nn.sizes import DataSizes


class SuperclusterPooled(nn.Module):
    """Reduces each channel within superclusters, scale by scale, with dense layers in between, then over the FOV.

    A FOV so becomes what its superclusters are: few large ones count as much as many small ones. Their own features
    join before the dense layers.

    Args:
        in_channels: Size of the cluster vectors.
        sizes: Numbers from the data.
        channels: Size of the vectors of superclusters.
        within: Reductions within each supercluster, some of ``max``, ``mean``, ``sum``.
        across: Reductions over the superclusters of the last scale.

    Raises:
        ConfigError: The graph store holds no superclusters, ``channels`` is below 1, or a reduction does not exist.
    """

    reads_graph = True

    def __init__(
        self,
        in_channels: int,
        sizes: DataSizes,
        channels: int = 64,
        within: Sequence[str] = ("mean", "max"),
        across: Sequence[str] = ("mean", "max"),
    ) -> None:
        super().__init__()
        check_sizes("model.readout.channels", [channels])
        check_reductions("model.readout.within", within)
        check_reductions("model.readout.across", across)
        if not sizes.superlevels:
            raise ConfigError(
                "model/readout=supercluster reads superclusters, the graph store has none; set "
                "graph/superclusters=linked, or choose another readout"
            )
        self.within, self.across = tuple(within), tuple(across)
        ins = [in_channels, *[channels] * (sizes.superlevels - 1)]
        self.layers = nn.ModuleList(
            mlp([size * len(self.within) + sizes.supercluster_features, channels], last_plain=False) for size in ins
        )
        self.out_channels = channels * len(self.across)

    def forward(self, x: Tensor, graph: HeteroData) -> Tensor:
        """(C, in_channels) and a batch of B graphs to (B, channels times reductions) float32."""
        for index, layer in enumerate(self.layers):
            below, above = graph[schema.superlevel_in(index)].edge_index
            own = graph[schema.superlevel(index)][schema.FEATURES]
            x = layer(torch.cat([reduced(gather(x, below), above, len(own), self.within), own], dim=1))
        return reduced(x, graph[schema.superlevel(len(self.layers) - 1)].batch, graph.num_graphs, self.across)
