"""A network: localisation encoder, cluster encoder, readout and head, in this order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.nn.encoded import Encoded
from locgraph.nn.readouts.call import read_out
from locgraph.nn.sizes import DataSizes, HeadSizes


class Network(nn.Module):
    """Encodes the localisations of each cluster, lets clusters hear each other, reads the graph out and classifies it.

    Each part is handed over unfinished (a class with its settings) and made here with the sizes that it needs.

    Args:
        sizes: Numbers from the data.
        loc_encoder: ``(sizes) ->`` module: batch to (C, F). One that states ``level_channels``, the sizes of the
            vectors of its levels, also has ``encode``: batch to (C, F) and these vectors.
        cluster_encoder: ``(in_channels, sizes) ->`` module: vectors, positions, edges to (C, F); one that states
            ``reads_graph`` is handed vectors and the batch.
        readout: ``(in_channels, sizes) ->`` module: vectors, batch, number of graphs to (B, F); one that states
            ``reads_graph`` is handed vectors and the batch.
        head: ``(in_channels, sizes) ->`` module: (B, F) to logits (B, K). One that states ``predicts``, the node types
            whose classes it names, is handed an ``Encoded`` and gives logits by node type.
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
        clusters: Any = self.cluster_encoder.out_channels
        self.readout = readout(in_channels=clusters, sizes=sizes)
        below = HeadSizes.of(sizes, clusters, getattr(self.loc_encoder, "level_channels", ()))
        self.head = head(in_channels=self.readout.out_channels, sizes=below)

    @property
    def uses_localisations(self) -> bool:
        """Whether a forward pass reads localisation nodes."""
        return any(
            getattr(part, "uses_localisations", False)
            for part in (self.loc_encoder, self.cluster_encoder, self.readout, self.head)
        )

    @property
    def predicts(self) -> tuple[str, ...]:
        """Node types whose classes it names: ``FIELD_OF_VIEW``, ``LOCALISATION`` or both."""
        return tuple(getattr(self.head, "predicts", (schema.FIELD_OF_VIEW,)))

    def forward(self, graph: HeteroData) -> Tensor:
        """Batch of B scaled graphs to logits (B, K) float32 of the FOVs.

        Raises:
            ConfigError: The head names classes of localisations alone.
        """
        if schema.FIELD_OF_VIEW not in self.predicts:
            raise ConfigError(
                f"model.head names the classes of {', '.join(self.predicts)} nodes alone, the class of a FOV was asked "
                "for; choose model/head=both, or model/head=classify"
            )
        return self.logits(graph)[schema.FIELD_OF_VIEW]

    def logits(self, graph: HeteroData) -> dict[str, Tensor]:
        """Batch of B scaled graphs to all that the head says.

        Args:
            graph: The batch.

        Returns:
            One entry for each of ``predicts``: logits (B, K) float32 of the FOVs, and those of the localisations (N, K)
            float32 in their order in the batch.
        """
        return self.classify(self.encode(graph))

    def classify(self, encoded: Encoded) -> dict[str, Tensor]:
        """What the network made of a batch to all that the head says of it, as ``logits`` gives it."""
        if hasattr(self.head, "predicts"):
            found: dict[str, Tensor] = self.head(encoded)
            return found
        return {schema.FIELD_OF_VIEW: self.head(encoded.fovs)}

    def embed(self, graph: HeteroData) -> Tensor:
        """Batch of B scaled graphs to one vector for each, (B, F) float32."""
        return self.encode(graph).fovs

    def encode(self, graph: HeteroData) -> Encoded:
        """Batch of B scaled graphs to the vectors of its levels, clusters and FOVs."""
        return self.encode_clusters(graph, *self.describe(graph))

    def describe(self, graph: HeteroData) -> tuple[Tensor, list[Tensor]]:
        """Batch of graphs to the vectors that its clusters start with (C, F), and those of the levels below.

        The features of the clusters, where they join, come last.
        """
        encoder: Any = self.loc_encoder
        x, levels = encoder.encode(graph) if hasattr(encoder, "level_channels") else (encoder(graph), [])
        if self.cluster_features:
            x = torch.cat([x, graph[schema.CLUSTER][schema.FEATURES]], dim=1)
        return x, levels

    def encode_clusters(self, graph: HeteroData, x: Tensor, levels: list[Tensor]) -> Encoded:
        """Batch of graphs, and what ``describe`` gives of it, to the vectors of its levels, clusters and FOVs."""
        if getattr(self.cluster_encoder, "reads_graph", False):
            x = self.cluster_encoder(x, graph)
        else:
            x = self.cluster_encoder(x, graph[schema.CLUSTER][schema.POS], graph[schema.CLUSTER_NEAR].edge_index)
        return Encoded(graph, levels, x, read_out(self.readout, x, graph))
