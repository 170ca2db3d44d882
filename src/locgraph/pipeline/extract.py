"""One FOV from raw file to featextracted tables: read, cluster, drop what is too small, measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.clustering.base import Clusterer
from locgraph.errors import ConfigError, DataError
from locgraph.features.table import FeatureSet
from locgraph.io.catalogue import FovSource
from locgraph.io.columns import ColumnMap
from locgraph.io.featextracted import ExtractedFov, write_fov
from locgraph.io.read import read_localisations
from locgraph.pipeline.views import Views
from locgraph.provenance import file_digest, fingerprint

TABLES_VERSION: Final = 1
"""Raised whenever the same file and settings give other tables than before: those of earlier versions are redone."""


@dataclass(frozen=True)
class ExtractRecipe:
    """Everything that decides the tables of a FOV.

    Attributes:
        columns: Names and units of the raw file's columns.
        clusterer: Coordinates (N, D) float64 nm and a seed to labels (N,) int64.
        features: Features measured on each cluster.
        views: Versions of each FOV that are stored.
        min_localisations: Clusters with fewer localisations are dropped and counted.
        min_clusters: A FOV with fewer clusters is refused.
        max_refused_fraction: A FOV with a larger fraction of unusable rows is refused.
        settings: The same as plain values: they make the fingerprint and are written into every file.
    """

    columns: ColumnMap
    clusterer: Clusterer
    features: FeatureSet
    views: Views
    min_localisations: int
    min_clusters: int
    max_refused_fraction: float
    settings: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.min_localisations < 1:
            raise ConfigError(f"data.min_localisations must be at least 1, found {self.min_localisations}")
        if self.min_clusters < 1:
            raise ConfigError(f"data.min_clusters must be at least 1, found {self.min_clusters}")


@dataclass(frozen=True)
class ExtractTask:
    """One FOV to extract, with all that a worker process needs."""

    source: FovSource
    class_names: tuple[str, ...]
    recipe: ExtractRecipe
    folder: Path
    fingerprint: str


def extract_fingerprint(source: FovSource, class_names: tuple[str, ...], recipe: ExtractRecipe) -> str:
    """Fingerprint of the tables that ``recipe`` makes of one raw file; changes with anything that could change them."""
    settings = dict(recipe.settings)
    names = [source.fov_id, source.label, source.group, list(class_names)]
    return fingerprint(TABLES_VERSION, settings, file_digest(source.path), names)


def extract_fov(task: ExtractTask) -> dict[str, int]:
    """Reads, clusters and measures one FOV and writes its two tables.

    Args:
        task: The FOV, the recipe and the folder to write to.

    Returns:
        What was refused, dropped and kept, as written into the files.

    Raises:
        DataError: The file cannot be read, lacks a column that a feature needs, or holds too few clusters.
    """
    source, recipe = task.source, task.recipe
    localisations = read_localisations(source.path, recipe.columns, recipe.max_refused_fraction)
    absent = [name for name in recipe.features.needs if name not in localisations.table.columns]
    if absent:
        raise DataError(
            f"{source.path}: the chosen features need the columns {absent}, found {localisations.table.columns}; "
            "name them in columns.names, or choose other features"
        )
    locs, clusters, dropped = _extract_views(localisations.table, localisations.dimensions, task)
    counts = {
        schema.DIMENSIONS: localisations.dimensions,
        "rows_refused": sum(localisations.refused.values()),
        "localisations_read": localisations.table.height,
    }
    counts |= {f"rows_refused: {reason}": number for reason, number in localisations.refused.items()} | dropped
    fov = ExtractedFov(
        fov_id=source.fov_id,
        locs=locs,
        clusters=clusters,
        dimensions=localisations.dimensions,
        label=source.label,
        class_names=task.class_names,
        group=source.group,
        units=_units(locs, recipe.features, localisations.dimensions),
        counts=counts,
        recipe=dict(recipe.settings),
        fingerprint=task.fingerprint,
    )
    write_fov(task.folder, fov)
    return counts


def _extract_views(
    table: pl.DataFrame, dimensions: int, task: ExtractTask
) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, int]]:
    """Both tables of all views, and what was dropped: the counts are those of view 0, the whole FOV."""
    fov_id, recipe = task.source.fov_id, task.recipe
    all_locs: list[pl.DataFrame] = []
    all_clusters: list[pl.DataFrame] = []
    counts: dict[str, int] = {}
    for view in range(recipe.views.count):
        rows = recipe.views.rows(fov_id, view, table.height)
        seed = recipe.views.cluster_seed(fov_id, view)
        locs, clusters, dropped = extract_view(table[rows], dimensions, recipe, seed)
        if view == 0:
            counts = dropped
        if clusters.height < recipe.min_clusters:
            if view == 0:
                raise DataError(
                    f"{task.source.path}: {clusters.height} clusters with at least {recipe.min_localisations} "
                    f"localisations found, at least {recipe.min_clusters} expected; change the clustering settings, "
                    "or lower data.min_clusters"
                )
            counts["views_left_out"] = counts.get("views_left_out", 0) + 1
            continue
        index = pl.lit(len(all_locs), pl.Int64).alias(schema.VIEW)
        all_locs.append(locs.with_columns(index))
        all_clusters.append(clusters.with_columns(index))
    return pl.concat(all_locs), pl.concat(all_clusters), counts


def extract_view(
    table: pl.DataFrame, dimensions: int, recipe: ExtractRecipe, seed: int
) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, int]]:
    """Clusters one version of a FOV and measures its clusters.

    Args:
        table: Localisations in nm.
        dimensions: 2 or 3.
        recipe: The settings.
        seed: Seed of the clusterer.

    Returns:
        Clustered localisations with ``cluster_id``, sorted by it; one row for each cluster; counts of what was dropped.
    """
    points = table.select(schema.position_columns(dimensions)).to_numpy()
    labels = recipe.clusterer(np.ascontiguousarray(points), seed)
    sizes = np.bincount(labels[labels >= 0])
    large = sizes >= recipe.min_localisations
    new_label = np.where(large, np.cumsum(large) - 1, schema.NOISE)
    kept = np.where(labels >= 0, new_label[labels], schema.NOISE) if sizes.size else labels
    locs = (
        table.with_columns(pl.Series(schema.CLUSTER_ID, kept, pl.Int64))
        .filter(pl.col(schema.CLUSTER_ID) >= 0)
        .sort(schema.CLUSTER_ID, maintain_order=True)
    )
    clusters = recipe.features.compute(locs, locs[schema.CLUSTER_ID].to_numpy(), dimensions)
    dropped = {
        "localisations_unclustered": int((labels == schema.NOISE).sum()),
        "clusters_too_small": int((~large & (sizes > 0)).sum()),
        "localisations_in_small_clusters": int(sizes[~large].sum()),
        schema.N_LOCALISATIONS: locs.height,
        schema.N_CLUSTERS: clusters.height,
    }
    return locs, clusters, dropped


def _units(locs: pl.DataFrame, features: FeatureSet, dimensions: int) -> dict[str, str]:
    units = {name: schema.LOCALISATION_COLUMNS[name].unit for name in locs.columns}
    return units | {column.name: column.unit for column in features.columns(dimensions)}
