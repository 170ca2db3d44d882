"""Scenes of raw files, prepared tables and graphs."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import DataError, LocgraphError, renamed
from locgraph.graphs.layout import SEPARATOR
from locgraph.io.columns import ColumnSource
from locgraph.io.featextracted import read_fov
from locgraph.io.label_map import EACH_LOCALISATION, SCOPE, label_localisations, read_map
from locgraph.io.localisations import Localisations
from locgraph.io.read import open_columns, read_rows
from locgraph.provenance import file_digest, fingerprint
from locgraph.run_folder import RECIPE, read_record
from locgraph.viewer.clusters import Clusters, clusters_of_column, clusters_of_table
from locgraph.viewer.graph_file import Edges, GraphView, open_graph, read_edges
from locgraph.viewer.levels.cache import LevelCache
from locgraph.viewer.levels.columns import CATEGORICAL, ColumnNames, describe
from locgraph.viewer.levels.levels import Levels
from locgraph.viewer.scene import Scene

log = logging.getLogger(__name__)

_NOTES: Final = "notes"
_LABEL: Final = "label"
_CLASSES: Final = "classes"


def raw_scene(
    path: Path,
    fov_id: str,
    columns: ColumnSource,
    max_refused_fraction: float,
    cache: LevelCache,
    label: str | None = None,
) -> Scene:
    """Read the scene of a file that `locgraph.io` reads.

    Args:
        path: The file.
        fov_id: Name of the FOV.
        columns: Which column is which, in which unit.
        max_refused_fraction: Largest part of the rows, 0 to 1, that may be refused.
        cache: Where the levels of large files are kept.
        label: Class of the FOV; None for that of the metadata, if there is one.

    Raises:
        LocgraphError: The file cannot be read.
    """
    with renamed("max_refused_fraction", "limits.max_refused_fraction"), open_columns(path, columns) as reader:
        key = fingerprint("raw", reader.digests(), _settings(columns), max_refused_fraction)
        levels = cache.open(key)
        if levels is None:
            locs, classes = _labelled(read_rows(reader, columns, max_refused_fraction), path)
            about = {_NOTES: _notes(locs), _CLASSES: list(classes), _LABEL: own_label(locs.metadata)}
            levels = cache.build(key, locs.table, locs.dimensions, _raw_names(locs, classes), about)
            del locs

    def read_again() -> pl.DataFrame:
        with open_columns(path, columns) as reader:
            return _labelled(read_rows(reader, columns, max_refused_fraction), path)[0].table

    return Scene(
        fov_id,
        levels,
        key,
        read_again,
        label or levels.about[_LABEL],
        tuple(levels.about[_CLASSES]),
        _named_clusters(levels),
        notes=tuple(levels.about[_NOTES]),
    )


def _settings(columns: ColumnSource) -> Any:
    """Return the settings of columns as plain values."""
    return json.loads(json.dumps([type(columns).__qualname__, dict(vars(columns))], default=str))


def _notes(locs: Localisations) -> list[str]:
    refused = [f"{count:,} rows refused: {reason}" for reason, count in locs.refused.items()]
    return [*locs.notes, *refused]


def _labelled(locs: Localisations, path: Path) -> tuple[Localisations, tuple[str, ...]]:
    """Return localisations with the indices of their classes, where each has its own, and the classes."""
    try:
        classes = tuple(read_map(locs.metadata).values())
        if locs.metadata.get(SCOPE) == EACH_LOCALISATION and classes:
            return label_localisations(locs, classes, str(path)), classes
    except (LocgraphError, ValueError):  # shown as it is: a viewer needs no classes
        classes = ()
    return label_localisations(locs, None, str(path)), classes


def own_label(metadata: Mapping[str, str]) -> str | None:
    """Return the class that the metadata of a file give the whole FOV; None where there is none."""
    if metadata.get(SCOPE) == EACH_LOCALISATION:
        return None
    try:
        return read_map(metadata).get(int(metadata[schema.META_LABEL]))
    except (ValueError, KeyError):
        return None


def _raw_names(locs: Localisations, classes: Sequence[str]) -> ColumnNames:
    try:
        given = json.loads(locs.metadata.get(schema.META_CHANNEL_LABELS, "{}"))
        channels = [str(given[str(index)]) for index in range(len(given))]
    except (ValueError, KeyError, TypeError):
        channels = []
    return ColumnNames(labels={schema.CHANNEL: channels, schema.LOC_LABEL: classes})


def _named_clusters(levels: Levels) -> Clusters | None:
    """Return the clusters that the file names itself."""
    kinds = {column.name: column.kind for column in levels.columns}
    if kinds.get(schema.SOURCE_CLUSTER) != CATEGORICAL:
        return None
    return clusters_of_column(levels, schema.SOURCE_CLUSTER)


def table_scene(tables: Path, fov_id: str, cache: LevelCache, graphs: Sequence[Path] = ()) -> Scene:
    """Read the scene of view 0 of a FOV of prepared tables.

    Args:
        tables: Folder with ``locs`` and ``clusters``.
        fov_id: The FOV.
        cache: Where the levels of large FOVs are kept.
        graphs: Files that may hold its graph: the first whose clusters are these gives the edges.

    Raises:
        DataError: The tables cannot be read.
    """
    fov = read_fov(tables, fov_id)
    names = ColumnNames(fov.units, fov.scales, {schema.LOC_LABEL: fov.class_names})
    clusters = clusters_of_table(_whole(fov.clusters), fov.dimensions, names)
    key = fingerprint("tables", fov_id, fov.fingerprint)
    levels = cache.open(key) or cache.build(key, _whole(fov.locs), fov.dimensions, names)
    edges = next((own for path in graphs if path.is_file() and (own := _edges_of(path, clusters))), ())
    return Scene(
        fov_id,
        levels,
        fingerprint(key, [[edge.name, edge.n] for edge in edges]),
        partial(_read_view, tables, fov_id),
        fov.label,
        fov.class_names,
        clusters,
        edges,
        fov.notes,
    )


def _whole(table: pl.DataFrame) -> pl.DataFrame:
    return table.filter(pl.col(schema.VIEW) == 0)


def _read_view(tables: Path, fov_id: str) -> pl.DataFrame:
    return _whole(read_fov(tables, fov_id).locs)


def _edges_of(path: Path, clusters: Clusters) -> tuple[Edges, ...]:
    """Return the edges of a graph, if its clusters are these; none of one that cannot be read."""
    try:
        with open_graph(path) as graph:
            centres = graph.positions(schema.CLUSTER)
    except DataError as error:
        log.warning("%s", error)
        return ()
    if centres.shape != clusters.centres.shape:
        return ()
    resolution = 1e-3 + 1e-5 * np.ptp(centres, axis=0).max(initial=0.0)  # positions in graphs are float32
    return read_edges(path) if np.abs(centres - clusters.centres).max(initial=0.0) <= resolution else ()


def graph_scene(path: Path, fov_id: str, cache: LevelCache, root: Path | None = None) -> Scene:
    """Read the scene of view 0 of a graph of the store.

    Args:
        path: The file.
        fov_id: Name of the FOV.
        cache: Where the levels of large FOVs are kept.
        root: Folder of the store, which holds the names of features; None for that of the file.

    Raises:
        DataError: The file cannot be read.
    """
    recipe = read_record((root or path.parent) / RECIPE)
    key = fingerprint("graph", file_digest(path), recipe)
    table, clusters, notes = _read_graph(path, recipe)
    levels = cache.open(key) or cache.build(key, table, clusters.centres.shape[1])
    return Scene(
        fov_id,
        levels,
        key,
        lambda: _read_graph(path, recipe)[0],
        clusters=clusters,
        edges=read_edges(path),
        notes=notes,
    )


def _read_graph(path: Path, recipe: Mapping[str, Any]) -> tuple[pl.DataFrame, Clusters, tuple[str, ...]]:
    """Return localisations, clusters and notes; clusters stand for localisations where the graph holds none."""
    with open_graph(path) as graph:
        centres = graph.positions(schema.CLUSTER)
        values = _features(graph, schema.CLUSTER, recipe.get("cluster_features"))
        ids = np.arange(len(centres))
        axes = schema.position_columns(centres.shape[1])
        if graph.attribute(schema.LOCALISATION, schema.POS) is None:
            positions, columns, owner = centres, values, ids
            notes: tuple[str, ...] = ("the graph holds clusters alone: each point is a cluster",)
        else:
            positions, notes = graph.positions(schema.LOCALISATION), ()
            columns = _features(graph, schema.LOCALISATION, recipe.get("localisation_features"))
            inside = graph.tensor(SEPARATOR.join((*schema.LOCALISATION_IN, schema.EDGE_INDEX)))
            owner = np.full(len(positions), schema.NOISE)
            owner[inside[0]] = inside[1]
    table = pl.DataFrame({name: positions[:, axis] for axis, name in enumerate(axes)})
    table = table.with_columns(pl.Series(schema.CLUSTER_ID, owner.astype(np.int64)))
    table = table.with_columns(pl.Series(name, own) for name, own in columns.items() if name not in table.columns)
    about = tuple(describe(name, own, ColumnNames()) for name, own in values.items())
    return table, Clusters(ids, centres, about, values, schema.CLUSTER_ID), notes


def _features(graph: GraphView, node: str, names: Sequence[str] | None) -> dict[str, np.ndarray]:
    """Return the columns of the nodes of a type; without known names, their features are numbered."""
    values = {}
    matrix = graph.attribute(node, schema.FEATURES)
    if matrix is not None:
        known = names if names is not None and len(names) == matrix.shape[1] else None
        values = {known[i] if known else f"feature_{i}": column.astype("<f4") for i, column in enumerate(matrix.T)}
    for name in (schema.COUNT, schema.PRECISION):
        own = graph.attribute(node, name)
        values |= {} if own is None else {name: own.astype("<f4")}
    labels = graph.attribute(node, schema.TARGET)
    return values if labels is None else values | {schema.LOC_LABEL: labels.astype(np.int64)}
