"""A network: localisation encoder, cluster encoder, readout and head, in this order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.nn.base import (
    ClusterEncoder,
    Encoded,
    Head,
    LocEncoder,
    Readout,
    broken_contract,
    build_part,
    check_rows,
)
from locgraph.nn.localisations import cluster_chunks
from locgraph.nn.sizes import DataSizes, HeadSizes

MOST_LOCALISATIONS: Final = {"cpu": 2**13}
"""Localisations that are encoded at once where there is no gradient: few, as a CPU is fastest in its cache."""

_MOST_ELSEWHERE: Final = 2**17


class Network(nn.Module):
    """Encodes the localisations of each cluster, passes messages between clusters, reads out each graph, classifies it.

    Each part is given as a class, or a class with some of its arguments (``functools.partial``), and built here with
    the sizes that it needs. `locgraph.nn.base` holds the contracts.

    Args:
        sizes: Numbers from the data.
        loc_encoder: ``(sizes) ->`` `LocEncoder`.
        cluster_encoder: ``(in_channels, sizes) ->`` `ClusterEncoder`.
        readout: ``(in_channels, sizes) ->`` `Readout`.
        head: ``(in_channels, sizes) ->`` `Head`; ``sizes`` is a `HeadSizes`.
        cluster_features: Whether the hand-made features of clusters join the vectors of the localisation encoder.

    Raises:
        ConfigError: A part does not keep its contract, or refuses its settings; the error names the part.
    """

    def __init__(
        self,
        sizes: DataSizes,
        loc_encoder: Callable[..., LocEncoder],
        cluster_encoder: Callable[..., ClusterEncoder],
        readout: Callable[..., Readout],
        head: Callable[..., Head],
        cluster_features: bool = True,
    ) -> None:
        super().__init__()
        self.cluster_features = cluster_features
        self.loc_encoder = build_part(loc_encoder, "loc_encoder", LocEncoder, sizes=sizes)
        in_channels = self.loc_encoder.out_channels + (sizes.cluster_features if cluster_features else 0)
        self.cluster_encoder = build_part(
            cluster_encoder, "cluster_encoder", ClusterEncoder, in_channels=in_channels, sizes=sizes
        )
        clusters = self.cluster_encoder.out_channels
        self.readout = build_part(readout, "readout", Readout, in_channels=clusters, sizes=sizes)
        head_sizes = HeadSizes.of(sizes, clusters, self.loc_encoder.level_channels)
        self.head = build_part(head, "head", Head, in_channels=self.readout.out_channels, sizes=head_sizes)

    @property
    def uses_localisations(self) -> bool:
        """Whether a forward pass reads localisation nodes."""
        parts = (self.loc_encoder, self.cluster_encoder, self.readout, self.head)
        return any(part.uses_localisations for part in parts)

    @property
    def predicts(self) -> tuple[str, ...]:
        """Node types whose classes it predicts: ``FIELD_OF_VIEW``, ``LOCALISATION`` or both."""
        return tuple(self.head.predicts)

    def forward(self, graph: HeteroData) -> Tensor:
        """Batch of B scaled graphs to logits (B, K) float32 of the FOVs.

        Raises:
            ConfigError: The head predicts classes of localisations alone.
        """
        if schema.FIELD_OF_VIEW not in self.predicts:
            raise ConfigError(
                f"expected a head that predicts the class of a FOV, found one that predicts the classes of "
                f"{', '.join(self.predicts)} nodes alone; choose the head both, or classify",
                setting="head",
            )
        return self.logits(graph)[schema.FIELD_OF_VIEW]

    def logits(self, graph: HeteroData) -> dict[str, Tensor]:
        """Batch of B scaled graphs to all logits of the head.

        Args:
            graph: The batch.

        Returns:
            One entry for each of ``predicts``: logits (B, K) float32 of the FOVs, and those of the localisations (N, K)
            float32 in their order in the batch.
        """
        return self.classify(self.encode(graph))

    def classify(self, encoded: Encoded) -> dict[str, Tensor]:
        """Encoded batch to all logits of the head, as `logits` returns them."""
        logits: dict[str, Tensor] = self.head(encoded)
        rows = {schema.FIELD_OF_VIEW: encoded.fovs.shape[0]}
        if not isinstance(logits, dict) or set(logits) != set(self.predicts):
            raise broken_contract("head", self.head, f"logits of {', '.join(self.predicts)}", logits)
        for name, values in logits.items():
            check_rows("head", self.head, values, rows.get(name), None)
        return logits

    def embed(self, graph: HeteroData) -> Tensor:
        """Batch of B scaled graphs to one vector for each, (B, F) float32."""
        return self.encode(graph).fovs

    def encode(self, graph: HeteroData) -> Encoded:
        """Batch of B scaled graphs to the vectors of its levels, clusters and FOVs."""
        return self.encode_clusters(graph, *self.describe(graph))

    def describe(self, graph: HeteroData) -> tuple[Tensor, list[Tensor]]:
        """Batch of graphs to the incoming vectors of its clusters (C, F), and those of the levels below.

        The features of the clusters, where they join, come last.
        """
        x, levels = self._encode_localisations(graph)
        check_rows("loc_encoder", self.loc_encoder, x, graph[schema.CLUSTER].num_nodes, self.loc_encoder.out_channels)
        if self.cluster_features:
            x = torch.cat([x, graph[schema.CLUSTER][schema.FEATURES]], dim=1)
        return x, levels

    def _encode_localisations(self, graph: HeteroData) -> tuple[Tensor, list[Tensor]]:
        """Encode localisations; where there is no gradient a bounded number at a time, as clusters are independent."""
        parts: Iterable[HeteroData] = [graph]
        if self.loc_encoder.uses_localisations and not torch.is_grad_enabled():
            device = graph[schema.CLUSTER][schema.POS].device.type
            parts = cluster_chunks(graph, MOST_LOCALISATIONS.get(device, _MOST_ELSEWHERE))
        encoded = [self.loc_encoder(part) for part in parts]
        for each in encoded:
            if not isinstance(each, tuple) or len(each) != 2:
                raise broken_contract("loc_encoder", self.loc_encoder, "vectors of clusters, and of each level", each)
        if len(encoded) == 1:
            return encoded[0]
        clusters, levels = zip(*encoded, strict=True)
        return torch.cat(clusters), [torch.cat(level) for level in zip(*levels, strict=True)]

    def encode_clusters(self, graph: HeteroData, x: Tensor, levels: list[Tensor]) -> Encoded:
        """Batch of graphs, and the result of `describe`, to the vectors of its levels, clusters and FOVs."""
        count, channels = x.shape[0], self.cluster_encoder.out_channels
        x = self.cluster_encoder(x, graph)
        check_rows("cluster_encoder", self.cluster_encoder, x, count, channels)
        fovs = self.readout(x, graph)
        check_rows("readout", self.readout, fovs, graph.num_graphs, self.readout.out_channels)
        return Encoded(graph, levels, x, fovs)
