"""The numbers that come from the data and decide the shapes of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from locgraph import schema


@dataclass(frozen=True)
class DataSizes:
    """Sizes handed to every part of a network.

    Attributes:
        dimensions: 2 or 3.
        n_classes: Number of classes, K.
        cluster_features: Features of a cluster node.
        localisation_features: Features of a localisation node.
        levels: Levels of the sampling hierarchy, the localisations themselves counted; 0 where the store has none.
        supercluster_features: Features of a supercluster node.
        superlevels: Scales of superclusters; 0 where the store has none.
        descriptors: Numbers that describe the FOV as a whole; 0 where the store has none.
        localisation_classes: Classes of localisations; 0 where localisations have none.
    """

    dimensions: int
    n_classes: int
    cluster_features: int
    localisation_features: int
    levels: int
    supercluster_features: int = 0
    superlevels: int = 0
    descriptors: int = 0
    localisation_classes: int = 0

    def node_types(self) -> dict[str, int]:
        """Return every node type of the graphs, with the number of its features."""
        types = {schema.CLUSTER: self.cluster_features}
        for index in range(self.levels):
            # sampled levels have positions alone
            types[schema.level(index)] = self.localisation_features if index == 0 else 0
        for index in range(self.superlevels):
            types[schema.superlevel(index)] = self.supercluster_features
        if self.descriptors:
            types[schema.FIELD_OF_VIEW] = self.descriptors
        return types

    def edge_types(self) -> list[tuple[str, str, str]]:
        """Return every edge type of the graphs."""
        types = [schema.CLUSTER_NEAR]
        for index in range(self.levels):
            types += [schema.level_near(index), schema.level_in(index)]
        types += [schema.level_pooled(index) for index in range(self.levels - 1)]
        for index in range(self.superlevels):
            types += [schema.superlevel_near(index), schema.superlevel_in(index)]
        return types


@dataclass(frozen=True)
class HeadSizes(DataSizes):
    """Sizes handed to a head: the numbers from the data, and the sizes of the vectors that the other parts return.

    Attributes:
        cluster_channels: Size of the vectors of clusters.
        level_channels: Size of the vectors of each level of localisations, the localisations themselves first; empty
            where the localisation encoder gives none.
    """

    cluster_channels: int = 0
    level_channels: tuple[int, ...] = ()

    @classmethod
    def of(cls, sizes: DataSizes, cluster_channels: int, level_channels: Sequence[int]) -> HeadSizes:
        """Return the sizes for a head on given parts."""
        return cls(**vars(sizes) | {"cluster_channels": cluster_channels, "level_channels": tuple(level_channels)})
