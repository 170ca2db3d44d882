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
from locgraph.graphs.descriptors import Descriptor, describe
from locgraph.graphs.edges import ClusterEdges, edges_to_chosen, edges_to_each
from locgraph.graphs.nearest_rows import nearest_rows
from locgraph.graphs.sampling import farthest_points
from locgraph.graphs.superclusters import Superclusters, measure
from locgraph.settings import check_number, check_whole

GRAPHS_VERSION: Final = 3
"""Raised whenever the same tables and settings give other graphs than before: those of earlier versions are rebuilt."""

BY_PRECISION: Final = "precision"
"""Value of `GraphRecipe.axial_scale`: distances along each axis are in units of the precision along it."""

_NO_LABEL: Final = -1  # of a localisation
_EXTRACT_AGAIN: Final = "extract the features of this FOV again"
_MEASURE_SIZE: Final = "add the feature `size`"


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
        superclusters: Groups clusters at one scale or several; None stores none.
        descriptors: What describes the FOV as a whole, by name; None stores nothing.
        axial_scale: How much a step along z counts where neighbours are searched and levels sampled; `BY_PRECISION` for
            the median lateral precision of the localisations over the axial one.
    """

    cluster_features: tuple[str, ...]
    localisation_features: tuple[str, ...]
    cluster_edges: ClusterEdges
    localisations: bool
    localisation_k: int
    ratios: tuple[float, ...]
    settings: Mapping[str, Any]
    superclusters: Superclusters | None = None
    descriptors: Mapping[str, Descriptor] | None = None
    axial_scale: float | str = 1.0

    def __post_init__(self) -> None:
        if self.axial_scale != BY_PRECISION:
            check_number("axial_scale", self.axial_scale, above=0.0)
        check_whole("localisation_k", self.localisation_k, at_least=1)
        if any(not 0.0 < ratio <= 1.0 for ratio in self.ratios):
            raise ConfigError(f"expected numbers above 0 and at most 1, found {list(self.ratios)}", setting="ratios")
        for kind, names in (("cluster", self.cluster_features), ("localisation", self.localisation_features)):
            if len(set(names)) < len(names):
                raise ConfigError(f"expected each column once, found {list(names)}", setting=f"{kind}_features")


def build_graph(
    locs: pl.DataFrame, clusters: pl.DataFrame, dimensions: int, recipe: GraphRecipe, fov_id: str
) -> HeteroData:
    """Build the graph of one view.

    Args:
        locs: Localisations sorted by ``cluster_id``, positions in nm; those of no cluster (-1) are left out.
        clusters: Clusters sorted by ``cluster_id``, which runs from 0.
        dimensions: 2 or 3.
        recipe: The settings.
        fov_id: The FOV, for messages.

    Returns:
        Cluster nodes with positions, features, number of localisations and edges between neighbours; with
        ``recipe.superclusters`` also superclusters; with ``recipe.localisations`` also localisation nodes, their
        neighbours, and the sampling hierarchy; with ``recipe.descriptors`` also a node for the FOV.

    Raises:
        DataError: There is no cluster; or a position or wanted feature is not in the tables, or is not finite.
    """
    locs = _drop_unclustered(locs)
    if clusters.is_empty() or locs.is_empty():
        raise DataError(f"{fov_id}: expected at least one cluster, found none; extract the features of this FOV again")
    graph = HeteroData()
    positions = _values(locs, schema.position_columns(dimensions), fov_id, _EXTRACT_AGAIN)
    origin = positions.mean(axis=0, keepdims=True)
    centred = np.subtract(positions, origin, order="C")
    del positions  # memory, in large fields of view
    graph[schema.ORIGIN] = torch.from_numpy(origin)
    graph[schema.EXTENT] = torch.tensor(
        [[np.sqrt(np.einsum("ij,ij->", centred, centred) / len(centred))]], dtype=torch.float32
    )
    centres = _values(clusters, schema.centre_columns(dimensions), fov_id, _MEASURE_SIZE) - origin
    node = graph[schema.CLUSTER]
    node[schema.POS] = _float32(centres)
    node[schema.FEATURES] = _float32(_values(clusters, recipe.cluster_features, fov_id, "change cluster_features"))
    counts = _values(clusters, (schema.COUNT,), fov_id, _MEASURE_SIZE)[:, 0]
    node[schema.COUNT] = _float32(counts)
    scale = _search_scale(locs, dimensions, recipe, fov_id)
    graph[schema.CLUSTER_NEAR].edge_index = torch.from_numpy(recipe.cluster_edges(_stretch(centres, scale)))
    if recipe.superclusters is not None:
        _add_superclusters(graph, centres, counts, recipe.superclusters)
    if recipe.localisations:
        _add_localisations(graph, locs, centred, scale, recipe, fov_id)
    if recipe.descriptors:
        _add_field_of_view(graph, centred, recipe.descriptors)
    return graph


def _search_scale(locs: pl.DataFrame, dimensions: int, recipe: GraphRecipe, fov_id: str) -> float:
    """Return what z is multiplied by before neighbours are searched."""
    if recipe.axial_scale == 1:
        return 1.0
    if dimensions != 3:
        raise DataError(f"{fov_id}: expected positions in 3D, found {dimensions}D; set axial_scale to 1")
    if recipe.axial_scale != BY_PRECISION:
        return float(recipe.axial_scale)
    names = (schema.PRECISION, schema.PRECISION_Z)
    values = _values(locs, names, fov_id, "set axial_scale to a number, or name both in the columns")
    lateral, axial = np.median(values, axis=0)
    if not (lateral > 0 and axial > 0):
        raise DataError(
            f"{fov_id}: expected a median precision above 0, found {lateral:g} nm and along z {axial:g} nm; set "
            "axial_scale to a number"
        )
    return float(lateral / axial)


def _stretch(points: np.ndarray, scale: float) -> np.ndarray:
    """Return points (N, D) with their z multiplied."""
    return points if scale == 1 else points * [1.0, 1.0, scale]


def _drop_unclustered(locs: pl.DataFrame) -> pl.DataFrame:
    """Leave out localisations that the tables keep without a cluster (``keep_unclustered``)."""
    clustered = locs[schema.CLUSTER_ID].to_numpy() >= 0
    first = int(clustered.argmax()) if clustered.size else 0
    # a part of the table where rows are sorted, as in files
    return locs[first:] if clustered[first:].all() else locs.filter(clustered)


def _add_superclusters(
    graph: HeteroData, centres: np.ndarray, counts: np.ndarray, superclusters: Superclusters
) -> None:
    for index, scale in enumerate(measure(centres, counts, superclusters)):
        node = graph[schema.superlevel(index)]
        node[schema.POS] = _float32(scale.positions)
        node[schema.FEATURES] = _float32(scale.features)
        node[schema.COUNT] = _float32(scale.counts)
        _join(graph, schema.superlevel_in(index), scale.inside)
        _join(graph, schema.superlevel_near(index), scale.near)


def _add_localisations(
    graph: HeteroData, locs: pl.DataFrame, centred: np.ndarray, scale: float, recipe: GraphRecipe, fov_id: str
) -> None:
    owner = locs[schema.CLUSTER_ID].to_numpy()
    node = graph[schema.LOCALISATION]
    node[schema.POS] = _float32(centred)
    names = recipe.localisation_features
    node[schema.FEATURES] = _float32(_values(locs, names, fov_id, "change localisation_features"))
    if schema.PRECISION in locs.columns:
        node[schema.PRECISION] = _float32(_values(locs, (schema.PRECISION,), fov_id, _EXTRACT_AGAIN)[:, 0])
    if schema.LOC_LABEL in locs.columns:
        labels = locs[schema.LOC_LABEL].cast(pl.Int64).fill_null(_NO_LABEL)
        node[schema.TARGET] = torch.from_numpy(labels.to_numpy(writable=True))
    n_clusters = graph[schema.CLUSTER].num_nodes
    searched = _stretch(centred, scale)
    for index in range(len(recipe.ratios) + 1):
        offsets = np.searchsorted(owner, np.arange(n_clusters + 1))
        near = nearest_rows(searched, recipe.localisation_k, offsets)
        _join(graph, schema.level_near(index), edges_to_each(near))
        _join(graph, schema.level_in(index), np.stack([np.arange(len(owner)), owner]))
        if index == len(recipe.ratios):
            break
        chosen = farthest_points(searched, offsets, recipe.ratios[index])
        _join(graph, schema.level_pooled(index), edges_to_chosen(near, chosen))
        centred, searched, owner = centred[chosen], searched[chosen], owner[chosen]
        graph[schema.level(index + 1)][schema.POS] = _float32(centred)
        graph[schema.level(index + 1)][schema.PARENT] = torch.from_numpy(chosen)


def _add_field_of_view(graph: HeteroData, centred: np.ndarray, descriptors: Mapping[str, Descriptor]) -> None:
    values, powers = describe(centred, descriptors)
    node = graph[schema.FIELD_OF_VIEW]
    node[schema.POS] = _float32(np.zeros((1, centred.shape[1])))
    node[schema.FEATURES] = _float32(values[None])
    node[schema.LENGTH_POWER] = _float32(powers[None])


def _join(graph: HeteroData, edge_type: tuple[str, str, str], edge_index: np.ndarray) -> None:
    graph[edge_type].edge_index = torch.from_numpy(np.ascontiguousarray(edge_index, dtype=np.int64))


def _values(table: pl.DataFrame, names: Sequence[str], fov_id: str, remedy: str) -> np.ndarray:
    """Return columns of a table (n, F) float64, all present and finite."""
    absent = [name for name in names if name not in table.columns]
    if absent:
        raise DataError(f"{fov_id}: expected the columns {absent}, found {table.columns}; {remedy}")
    # column after column, in the order of memory that polars gives a whole table: without the cost of a query
    columns = [table.get_column(name).cast(pl.Float64).to_numpy() for name in names]
    values = np.stack(columns).T if names else np.empty((table.height, 0))
    bad = [name for name, column in zip(names, values.T, strict=True) if not np.isfinite(column).all()]
    if bad:
        raise DataError(f"{fov_id}: expected finite values, found others in the columns {bad}; {remedy}")
    return values


def _float32(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
