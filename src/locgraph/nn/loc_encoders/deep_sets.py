"""DeepSets localisation encoder: each localisation alone, then one reduction over the cluster."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.nn.localisations import check_stored, first_features, owners
from locgraph.nn.mlp import check_sizes, mlp
from locgraph.nn.precision import pool
from locgraph.nn.sizes import DataSizes


class DeepSets(nn.Module):
    """Dense layers on each localisation, reduced over its cluster, and dense layers on the result.

    Neighbours and sampled levels are not read: the fastest way to learn from localisations. Not invariant to rotation:
    a localisation starts with its position relative to its cluster's centre.

    Args:
        sizes: Numbers from the data.
        channels: Sizes of the dense layers on each localisation; the last is also that of the vectors of clusters.
        reduce: Some of ``max``, ``mean``, ``sum``, side by side. The paper sums, which counts localisations and grows
            with them.

    Raises:
        ConfigError: The store holds no localisations, a size is below 1, or ``reduce`` is empty or names something
            else.

    Source: Zaheer et al. 2017, "Deep sets", arXiv 1703.06114.
    """

    uses_localisations = True

    def __init__(self, sizes: DataSizes, channels: Sequence[int] = (32, 64), reduce: Sequence[str] = ("mean",)) -> None:
        super().__init__()
        check_sizes("model.loc_encoder.channels", channels)
        check_stored(sizes)
        if not reduce or any(name not in ("max", "mean", "sum") for name in reduce):
            raise ConfigError(f"model.loc_encoder.reduce must be some of max, mean, sum, found {list(reduce)}")
        self.reduce = tuple(reduce)
        self.level_channels = (channels[-1],)
        self.out_channels = channels[-1]
        self.each = mlp([sizes.dimensions + sizes.localisation_features, *channels], last_plain=False)
        self.together = mlp([len(self.reduce) * channels[-1], channels[-1]], last_plain=False)

    def forward(self, graph: HeteroData) -> Tensor:
        """Batch of graphs to one vector for each cluster, (C, channels[-1]) float32."""
        return self.encode(graph)[0]

    def encode(self, graph: HeteroData) -> tuple[Tensor, list[Tensor]]:
        """Batch of graphs to the vectors of clusters (C, channels[-1]) and of each level (N_l, level_channels[l])."""
        each, owner = self.each(first_features(graph)), owners(graph)
        n_clusters = graph[schema.CLUSTER].num_nodes
        reduced = [pool(each, owner, n_clusters, name) for name in self.reduce]
        return self.together(torch.cat(reduced, dim=1)).float(), [each]
