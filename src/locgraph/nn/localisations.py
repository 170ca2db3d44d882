"""What localisation encoders share: the first features of a localisation, and the check of the levels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.nn.mlp import check_sizes
from locgraph.nn.rows import gather
from locgraph.nn.sizes import DataSizes


def owners(graph: HeteroData, index: int = 0) -> Tensor:
    """Cluster of each point of a level, (N_l,) int64."""
    return graph[schema.level_in(index)].edge_index[1]


def from_centre(graph: HeteroData, index: int = 0) -> Tensor:
    """Position of each point of a level relative to the centre of its cluster, (N_l, D) float32."""
    return graph[schema.level(index)][schema.POS] - gather(graph[schema.CLUSTER][schema.POS], owners(graph, index))


def first_features(graph: HeteroData) -> Tensor:
    """Position relative to the cluster's centre, and the localisation's own features: (N, D + F) float32."""
    return torch.cat([from_centre(graph), graph[schema.LOCALISATION][schema.FEATURES]], dim=1)


def check_stored(sizes: DataSizes) -> None:
    """Refuses an encoder of localisations where there are none.

    Raises:
        ConfigError: The store holds no localisations.
    """
    if not sizes.levels:
        raise ConfigError(
            "model.loc_encoder reads localisations, the graph store has none; set graph.localisations=true, or "
            "model/loc_encoder=none"
        )


def check_levels(sizes: DataSizes, channels: Sequence[int]) -> None:
    """Refuses an encoder that the graph store cannot feed.

    Args:
        sizes: Numbers from the data.
        channels: Size of the vectors on each level.

    Raises:
        ConfigError: The store holds fewer levels than ``channels``, or these are empty or below 1.
    """
    check_sizes("model.loc_encoder.channels", channels)
    if len(channels) > sizes.levels:
        raise ConfigError(
            f"model.loc_encoder.channels={list(channels)} asks for {len(channels)} levels of localisations, the "
            f"graph store has {sizes.levels}; set graph.localisations=true and graph.ratios to "
            f"{len(channels) - 1} ratios"
        )
