"""Networks from settings: with the sizes of data, or with likely ones, to find wrong settings before any work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from locgraph.build import build
from locgraph.nn.network import Network
from locgraph.nn.sizes import DataSizes

_LIKELY_FEATURES = 5


def make_network(model: Mapping[str, Any], sizes: DataSizes) -> Network:
    """Build the network that the group ``model`` describes.

    Raises:
        ConfigError: A setting of the model cannot work, or does not fit the sizes.
    """
    network: Network = build(model, "model", sizes=sizes)
    return network


def make_probe(settings: Mapping[str, Any]) -> Network:
    """Build the network of settings with likely sizes; the random stream stays as it is.

    Raises:
        ConfigError: A setting of the model cannot work.
    """
    graph = settings["graph"]
    features = graph["cluster_features"]
    sizes = DataSizes(
        dimensions=2,
        n_classes=2,
        cluster_features=_LIKELY_FEATURES if features is None else len(features),
        localisation_features=len(graph["localisation_features"]),
        levels=0 if graph["localisations"] is False else 1 + len(graph["ratios"]),
        supercluster_features=_LIKELY_FEATURES if graph["superclusters"] else 0,
        superlevels=1 if graph["superclusters"] else 0,
        descriptors=_LIKELY_FEATURES if graph["descriptors"] else 0,
        localisation_classes=2,
    )
    with torch.random.fork_rng(devices=[]):
        return make_network(settings["model"], sizes)
