"""Heads: the vectors that a network computed to logits of FOVs, of localisations, or of both."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.nn.base import Encoded, FovHead, Head, build_part
from locgraph.nn.layers import mlp
from locgraph.nn.localisations import first_features, interpolated, owners
from locgraph.nn.rows import gather
from locgraph.nn.sizes import DataSizes, HeadSizes
from locgraph.settings import check_whole


class ClassifyFov(FovHead):
    """Dense layers from the vector of a FOV to its logits.

    Args:
        in_channels: Size of the vectors of FOVs.
        sizes: Numbers from the data.
        hidden: Size of the hidden layer.
        dropout: Probability that a hidden value is dropped in training.

    Raises:
        ConfigError: A number is out of range.
    """

    def __init__(self, in_channels: int, sizes: DataSizes, hidden: int = 64, dropout: float = 0.0) -> None:
        super().__init__()
        check_whole("hidden", hidden, at_least=1)
        self.layers = mlp([in_channels, hidden, sizes.n_classes], dropout)

    def classify(self, fovs: Tensor) -> Tensor:
        """(B, F) to logits (B, K) float32."""
        logits: Tensor = self.layers(fovs).float()
        return logits


class LinearHead(FovHead):
    """One linear layer from the vector of a FOV to its logits.

    After the readout ``mean`` the logits of a FOV are the mean of those that this layer gives each of its clusters
    alone: every cluster votes.

    Args:
        in_channels: Size of the vectors of FOVs.
        sizes: Numbers from the data.
    """

    def __init__(self, in_channels: int, sizes: DataSizes) -> None:
        super().__init__()
        self.layers = mlp([in_channels, sizes.n_classes])

    def classify(self, fovs: Tensor) -> Tensor:
        """(B, F) to logits (B, K) float32."""
        logits: Tensor = self.layers(fovs).float()
        return logits


class SegmentLocalisations(Head):
    """Propagates the vectors of clusters down to the localisations, and classifies these.

    Each cluster starts with its vector and that of its FOV. Its points on the highest level start with the same vector;
    from there each level is interpolated to the one below, joined with the vectors of the localisation encoder there,
    and passed through a dense layer. The localisations also join their first features, position in the cluster among
    them. Works with every localisation encoder: without vectors of levels, clusters and first features are left.

    Args:
        in_channels: Size of the vectors of FOVs.
        sizes: Numbers from the data and from the other parts.
        channels: Size of the vectors on the way down.
        dropout: Probability that a hidden value of the last layers is dropped in training.

    Raises:
        ConfigError: Localisations are not stored or have no classes, or a number is out of range.

    Source: Qi et al. 2017, "PointNet++", arXiv 1706.02413, section 3.4.
    """

    predicts = (schema.LOCALISATION,)
    uses_localisations = True

    def __init__(self, in_channels: int, sizes: HeadSizes, channels: int = 64, dropout: float = 0.0) -> None:
        super().__init__()
        _check_classes(sizes)
        check_whole("channels", channels, at_least=1)
        first = sizes.dimensions + sizes.localisation_features
        beside = [*sizes.level_channels] or [0]
        beside[0] += first
        self.context = mlp([sizes.cluster_channels + in_channels, channels], last_plain=False)
        self.down = nn.ModuleList(mlp([channels + size, channels], last_plain=False) for size in beside)
        self.layers = mlp([channels, channels, sizes.localisation_classes], dropout)

    def forward(self, encoded: Encoded) -> dict[str, Tensor]:
        """Classify the localisations of an encoded batch: logits (N, K) float32."""
        graph, top = encoded.graph, len(self.down) - 1
        of_fov = gather(encoded.fovs, graph[schema.CLUSTER].batch)
        x = gather(self.context(torch.cat([encoded.clusters, of_fov], dim=1)), owners(graph, top))
        for index in range(top, -1, -1):
            if index < top:
                x = interpolated(x, graph, index)
            beside = [*encoded.levels[index : index + 1], *([first_features(graph)] if index == 0 else [])]
            x = self.down[index](torch.cat([x, *beside], dim=1))
        return {schema.LOCALISATION: self.layers(x).float()}


class Both(Head):
    """Two heads on the same network: what helps one task may help the other.

    Args:
        in_channels: Size of the vectors of FOVs.
        sizes: Numbers from the data and from the other parts.
        fov: Makes the head of FOVs: ``(in_channels, sizes) ->`` `Head`.
        localisation: Makes the head of localisations: ``(in_channels, sizes) ->`` `Head`.

    Raises:
        ConfigError: One of them refuses its settings.
    """

    predicts = (schema.FIELD_OF_VIEW, schema.LOCALISATION)
    uses_localisations = True

    def __init__(
        self, in_channels: int, sizes: HeadSizes, fov: Callable[..., Head], localisation: Callable[..., Head]
    ) -> None:
        super().__init__()
        self.fov = build_part(fov, "fov", Head, in_channels=in_channels, sizes=sizes)
        self.localisation = build_part(localisation, "localisation", Head, in_channels=in_channels, sizes=sizes)

    def forward(self, encoded: Encoded) -> dict[str, Tensor]:
        """Classify FOVs and localisations of an encoded batch: logits (B, K) and (N, K')."""
        return {**self.fov(encoded), **self.localisation(encoded)}


def _check_classes(sizes: HeadSizes) -> None:
    if not sizes.levels:
        raise ConfigError(
            "expected graphs with localisations to classify, found none in the graph store; prepare graphs with "
            "localisations=true, or choose a head of FOVs"
        )
    if not sizes.localisation_classes:
        raise ConfigError(
            "expected classes of localisations, which have none in these data; name their column (loc_label), or "
            "choose a head of FOVs"
        )
