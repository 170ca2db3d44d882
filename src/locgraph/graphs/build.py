"""Featextracted tables of one view to one heterogeneous graph, with raw (unscaled) values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
import torch
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.errors import ConfigError, DataError
from locgraph.graphs import neighbours
from locgraph.graphs.cluster_edges import ClusterEdges
from locgraph.graphs.sampling import farthest_points

GRAPHS_VERSION: Final = 1
"""Raised whenever the same tables and settings give other graphs than before: those of earlier versions are rebuilt."""

_EXTRACT_AGAIN: Final = "extract the features of this FOV again"
_MEASURE_SIZE: Final = "add the feature `size` to the group features"


@dataclass(frozen=True)
class GraphRecipe:
    """Everything that decides the graph of a view.

    Attributes:
        cluster_features: Columns of the cluster table that become features of cluster nodes.
        localisation_features: Columns of the localisation table that become features of localisation nodes.
        cluster_edges: Positions (C, D) nm of the clusters to edges between them.
        localisations: Whether localisation nodes are stored at all; a model of clusters alone needs none.
        localisation_k: Neighbours of each localisation within its cluster, on every level.
        ratios: Fraction of each cluster's points kept from one level of the sampling hierarchy to the next.
        settings: The same as plain values: they make the fingerprint.
    """

    cluster_features: tuple[str, ...]
    localisation_features: tuple[str, ...]
    cluster_edges: ClusterEdges
    localisations: bool
    localisation_k: int
    ratios: tuple[float, ...]
    settings: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.localisation_k < 1:
            raise ConfigError(f"graph.localisation_k must be at least 1, found {self.localisation_k}")
        if any(not 0.0 < ratio <= 1.0 for ratio in self.ratios):
            raise ConfigError(f"graph.ratios must be above 0 and at most 1, found {list(self.ratios)}")
        for kind, names in (("cluster", self.cluster_features), ("localisation", self.localisation_features)):
            if len(set(names)) < len(names):
                raise ConfigError(f"graph.{kind}_features must name each column once, found {list(names)}")


def build_graph(
    locs: pl.DataFrame, clusters: pl.DataFrame, dimensions: int, recipe: GraphRecipe, fov_id: str
) -> HeteroData:
    """Builds the graph of one view.

    Args:
        locs: Localisations sorted by ``cluster_id``, positions in nm.
        clusters: Clusters sorted by ``cluster_id``, which runs from 0.
        dimensions: 2 or 3.
        recipe: The settings.
        fov_id: The FOV, for messages.

    Returns:
        Cluster nodes with positions, features, number of localisations and edges between neighbours; with
        ``recipe.localisations`` also localisation nodes, their neighbours, and the sampling hierarchy.

    Raises:
        DataError: There is no cluster; or a position or wanted feature is not in the tables, or is not finite.
    """
    if clusters.is_empty() or locs.is_empty():
        raise DataError(f"{fov_id}: expected at least one cluster, found none; extract the features of this FOV again")
    graph = HeteroData()
    positions = _values(locs, schema.position_columns(dimensions), fov_id, _EXTRACT_AGAIN)
    origin = positions.mean(axis=0, keepdims=True)
    centred = positions - origin
    graph[schema.ORIGIN] = torch.from_numpy(origin)
    graph[schema.EXTENT] = torch.tensor([[np.sqrt((centred**2).sum(axis=1).mean())]], dtype=torch.float32)

    centres = _values(clusters, schema.centre_columns(dimensions), fov_id, _MEASURE_SIZE) - origin
    node = graph[schema.CLUSTER]
    node[schema.POS] = _float32(centres)
    node[schema.FEATURES] = _float32(
        _values(clusters, recipe.cluster_features, fov_id, "change graph.cluster_features")
    )
    node[schema.COUNT] = _float32(_values(clusters, (schema.COUNT,), fov_id, _MEASURE_SIZE)[:, 0])
    graph[schema.CLUSTER_NEAR].edge_index = torch.from_numpy(recipe.cluster_edges(centres))
    if recipe.localisations:
        _add_localisations(graph, locs, centred, recipe, fov_id)
    return graph


def _add_localisations(
    graph: HeteroData, locs: pl.DataFrame, centred: np.ndarray, recipe: GraphRecipe, fov_id: str
) -> None:
    owner = locs[schema.CLUSTER_ID].to_numpy()
    node = graph[schema.LOCALISATION]
    node[schema.POS] = _float32(centred)
    names = recipe.localisation_features
    node[schema.FEATURES] = _float32(_values(locs, names, fov_id, "change graph.localisation_features"))
    if schema.PRECISION in locs.columns:
        node[schema.PRECISION] = _float32(_values(locs, (schema.PRECISION,), fov_id, _EXTRACT_AGAIN)[:, 0])
    n_clusters = graph[schema.CLUSTER].num_nodes
    for index in range(len(recipe.ratios) + 1):
        _join(graph, schema.level_near(index), neighbours.nearest(centred, recipe.localisation_k, owner))
        _join(graph, schema.level_in(index), np.stack([np.arange(len(owner)), owner]))
        if index == len(recipe.ratios):
            break
        offsets = np.searchsorted(owner, np.arange(n_clusters + 1))
        chosen = farthest_points(centred, offsets, recipe.ratios[index])
        pooled = neighbours.nearest_between(centred, chosen, recipe.localisation_k, owner)
        _join(graph, schema.level_pooled(index), pooled)
        centred, owner = centred[chosen], owner[chosen]
        graph[schema.level(index + 1)][schema.POS] = _float32(centred)
        graph[schema.level(index + 1)][schema.PARENT] = torch.from_numpy(chosen)


def _join(graph: HeteroData, edge_type: tuple[str, str, str], edge_index: np.ndarray) -> None:
    graph[edge_type].edge_index = torch.from_numpy(np.ascontiguousarray(edge_index, dtype=np.int64))


def _values(table: pl.DataFrame, names: Sequence[str], fov_id: str, remedy: str) -> np.ndarray:
    """Columns of a table (n, F) float64, all there and finite."""
    absent = [name for name in names if name not in table.columns]
    if absent:
        raise DataError(f"{fov_id}: expected the columns {absent}, found {table.columns}; {remedy}")
    values = table.select(pl.col(list(names)).cast(pl.Float64)).to_numpy() if names else np.empty((table.height, 0))
    bad = [name for name, column in zip(names, values.T, strict=True) if not np.isfinite(column).all()]
    if bad:
        raise DataError(f"{fov_id}: expected finite values, found others in the columns {bad}; {remedy}")
    return values


def _float32(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
