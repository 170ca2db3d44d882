"""A network: localisation encoder, cluster encoder, readout and head, in this order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.models.sizes import DataSizes


class Network(nn.Module):
    """Encodes the localisations of each cluster, lets clusters hear each other, reads the graph out and classifies it.

    Each part is handed over unfinished (a class with its settings) and made here with the sizes that it needs.

    Args:
        sizes: Numbers from the data.
        loc_encoder: ``(sizes) ->`` module: batch to (C, F).
        cluster_encoder: ``(in_channels, sizes) ->`` module: vectors, positions, edges to (C, F).
        readout: ``(in_channels) ->`` module: vectors, batch, number of graphs to (B, F).
        head: ``(in_channels, sizes) ->`` module: (B, F) to logits (B, K).
        cluster_features: Whether the hand-made features of clusters join what the localisation encoder learned.
    """

    def __init__(
        self,
        sizes: DataSizes,
        loc_encoder: Callable[..., nn.Module],
        cluster_encoder: Callable[..., nn.Module],
        readout: Callable[..., nn.Module],
        head: Callable[..., nn.Module],
        cluster_features: bool = True,
    ) -> None:
        super().__init__()
        self.cluster_features = cluster_features
        self.loc_encoder = loc_encoder(sizes=sizes)
        learned: Any = self.loc_encoder.out_channels
        in_channels = learned + (sizes.cluster_features if cluster_features else 0)
        self.cluster_encoder = cluster_encoder(in_channels=in_channels, sizes=sizes)
        self.readout = readout(in_channels=self.cluster_encoder.out_channels)
        self.head = head(in_channels=self.readout.out_channels, sizes=sizes)

    @property
    def uses_localisations(self) -> bool:
        """Whether a forward pass reads localisation nodes."""
        return bool(self.loc_encoder.uses_localisations)

    def forward(self, graph: HeteroData) -> Tensor:
        """Batch of B scaled graphs to logits (B, K) float32."""
        return self.head(self.embed(graph))

    def embed(self, graph: HeteroData) -> Tensor:
        """Batch of B scaled graphs to one vector for each, (B, F) float32."""
        cluster = graph[schema.CLUSTER]
        x = self.loc_encoder(graph)
        if self.cluster_features:
            x = torch.cat([x, cluster[schema.FEATURES]], dim=1)
        x = self.cluster_encoder(x, cluster[schema.POS], graph[schema.CLUSTER_NEAR].edge_index)
        return self.readout(x, cluster.batch, graph.num_graphs)
