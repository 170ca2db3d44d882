"""The numbers that come from the data and decide the shapes of a network."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DataSizes:
    """Sizes handed to every part of a network.

    Attributes:
        dimensions: 2 or 3.
        n_classes: Number of classes, K.
        cluster_features: Features of a cluster node.
        localisation_features: Features of a localisation node.
        levels: Levels of the sampling hierarchy, the localisations themselves counted; 0 where the store has none.
    """

    dimensions: int
    n_classes: int
    cluster_features: int
    localisation_features: int
    levels: int
