"""Head that names the class of each localisation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.nn.encoded import Encoded
from locgraph.nn.heads.interpolation import interpolated
from locgraph.nn.localisations import first_features, owners
from locgraph.nn.mlp import mlp
from locgraph.nn.rows import gather
from locgraph.nn.sizes import HeadSizes


class SegmentLocalisations(nn.Module):
    """Brings the vectors of clusters back down to the localisations, and classifies these.

    Each cluster starts with its vector and that of its FOV. Its points on the highest level take what it has; from
    there each level is interpolated to the one below, joined with what the localisation encoder gave there, and goes
    through a dense layer. The localisations also join their first features, position in the cluster among them. Works
    with every localisation encoder: one that gives no vectors of levels leaves clusters and first features.

    Args:
        in_channels: Size of the graph vectors.
        sizes: Numbers from the data and from the parts below.
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
        _check(sizes)
        first = sizes.dimensions + sizes.localisation_features
        beside = [*sizes.level_channels] or [0]
        beside[0] += first
        self.context = mlp([sizes.cluster_channels + in_channels, channels], last_plain=False)
        self.down = nn.ModuleList(mlp([channels + size, channels], last_plain=False) for size in beside)
        self.layers = mlp([channels, channels, sizes.localisation_classes], dropout)

    def forward(self, encoded: Encoded) -> dict[str, Tensor]:
        """What the network made of a batch to the logits (N, K) float32 of its localisations."""
        graph, top = encoded.graph, len(self.down) - 1
        of_fov = gather(encoded.fovs, graph[schema.CLUSTER].batch)
        x = gather(self.context(torch.cat([encoded.clusters, of_fov], dim=1)), owners(graph, top))
        for index in range(top, -1, -1):
            if index < top:
                x = interpolated(x, graph, index)
            beside = [*encoded.levels[index : index + 1], *([first_features(graph)] if index == 0 else [])]
            x = self.down[index](torch.cat([x, *beside], dim=1))
        return {schema.LOCALISATION: self.layers(x).float()}


def _check(sizes: HeadSizes) -> None:
    if not sizes.levels:
        raise ConfigError(
            "model.head names classes of localisations, the graph store has none; set graph.localisations=true, or "
            "model/head=classify"
        )
    if not sizes.localisation_classes:
        raise ConfigError(
            "model.head names classes of localisations, which have none in these data; name their column in "
            "columns.names.loc_label, or choose model/head=classify"
        )
