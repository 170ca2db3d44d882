"""One FOV from raw file to featextracted tables: read, filter, cluster, drop what is too small, measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import ConfigError, DataError
from locgraph.io.catalogue import FovSource
from locgraph.io.columns import ColumnSource
from locgraph.io.featextracted import ExtractedFov, write_fov
from locgraph.io.label_map import label_localisations
from locgraph.io.localisations import Localisations
from locgraph.io.read import open_columns, read_localisations
from locgraph.io.refused import ROWS_REFUSED
from locgraph.preparation.clustering.base import Clusterer
from locgraph.preparation.features.table import FeatureSet
from locgraph.preparation.filters.base import Filter, apply_filters
from locgraph.preparation.objects.base import ObjectFinder
from locgraph.preparation.order import order_localisations
from locgraph.preparation.outliers import measure_fov
from locgraph.preparation.views import Views, measure_views
from locgraph.provenance import fingerprint
from locgraph.settings import check_whole

TABLES_VERSION: Final = 4
"""Raised whenever the same file and settings give other tables than before: those of earlier versions are redone."""


LOCALISATIONS_READ: Final = "localisations_read"
"""Entry of the counts: rows of the raw file that were not refused."""


@dataclass(frozen=True)
class ExtractRecipe:
    """Everything that decides the tables of a FOV.

    Attributes:
        columns: Gives names and units of a raw file's columns.
        clusterer: Coordinates (N, D) float64 nm and a seed to labels (N,) int64.
        features: Features measured on each cluster.
        views: Versions of each FOV that are stored.
        min_localisations: Clusters with fewer localisations are dropped and counted.
        min_clusters: A FOV with fewer clusters is refused.
        max_refused_fraction: A FOV with a larger fraction of unusable rows is refused.
        settings: The same as plain values: they make the fingerprint and are written into every file.
        preprocess: Name to filter; they run in this order, before everything else.
        max_localisations: A FOV with more after preprocessing is refused; None refuses none.
        objects: Divides each FOV into objects, which are then what is extracted; None takes FOVs as they are.
        keep_unclustered: Whether localisations without a cluster are stored, with ``cluster_id`` -1.
    """

    columns: ColumnSource
    clusterer: Clusterer
    features: FeatureSet
    views: Views
    min_localisations: int
    min_clusters: int
    max_refused_fraction: float
    settings: Mapping[str, Any]
    preprocess: Mapping[str, Filter] = field(default_factory=dict)
    keep_unclustered: bool = False
    max_localisations: int | None = None
    objects: ObjectFinder | None = None

    def __post_init__(self) -> None:
        check_whole("min_localisations", self.min_localisations, at_least=1)
        check_whole("min_clusters", self.min_clusters, at_least=1)
        if self.max_localisations is not None:
            check_whole("max_localisations", self.max_localisations, at_least=1)


@dataclass(frozen=True)
class ExtractTask:
    """FOV to extract, with all that a worker process needs."""

    source: FovSource
    class_names: tuple[str, ...]
    recipe: ExtractRecipe
    folder: Path
    fingerprint: str


def extract_fingerprint(source: FovSource, class_names: tuple[str, ...], recipe: ExtractRecipe) -> str:
    """Return the fingerprint of the tables of one raw file, which changes with anything that could change them.

    Raises:
        DataError: The file cannot be read, or is not the one that was annotated.
    """
    names: list[Any] = [source.fov_id, source.label, source.by_localisation, source.group, list(class_names)]
    if recipe.objects is not None:
        names += [source.by_majority, None if source.by_object is None else dict(source.by_object)]
        content = recipe.objects.content(source.fov_id)
        names += [] if content is None else [content]
    with open_columns(source.path, recipe.columns) as reader:
        digests = reader.digests()
    if source.annotated is not None:
        source.annotated.check_data(digests[0], source.fov_id)
        names += source.annotated.decides()
    return fingerprint(TABLES_VERSION, dict(recipe.settings), digests, names)


def extract_fov(task: ExtractTask) -> dict[str, int]:
    """Read, filter, cluster and measure one FOV, and write its two tables.

    Args:
        task: The FOV, the recipe and the folder to write to.

    Returns:
        What was refused, dropped and kept, as written into the files.

    Raises:
        DataError: The file cannot be read, lacks a column that is needed, or holds too few localisations or clusters.
    """
    return extract_localisations(read_raw(task), task)


def read_raw(task: ExtractTask) -> Localisations:
    """Read the localisations of one FOV, with the classes that the file or annotations give them.

    Where annotations do, and FOVs are not divided into objects, they have them once clusters are known.

    Raises:
        DataError: The file cannot be read.
    """
    source = task.source
    localisations = read_localisations(source.path, task.recipe.columns, task.recipe.max_refused_fraction)
    if source.parts is not None:
        table = localisations.table.drop(schema.LOC_LABEL, strict=False)
        if task.recipe.objects is not None:
            table, _ = source.parts.label(table, task.class_names, None, source.fov_id)
        return replace(localisations, table=table)
    return label_localisations(localisations, task.class_names if source.by_localisation else None, str(source.path))


def read_filtered(task: ExtractTask) -> tuple[Localisations, dict[str, int]]:
    """Read the localisations of one FOV and filter them.

    Returns:
        What is left, and the number that each filter removed.

    Raises:
        DataError: The file cannot be read, or a filter leaves nothing.
    """
    raw = read_raw(task)
    table, filtered = apply_filters(raw.table, raw.dimensions, task.recipe.preprocess, str(task.source.path))
    return replace(raw, table=table), filtered


def count_read(localisations: Localisations) -> dict[str, int]:
    """Return the counts of what was read and refused, before any filter."""
    refused = localisations.refused
    counts = {
        schema.DIMENSIONS: localisations.dimensions,
        ROWS_REFUSED: sum(refused.values()),
        LOCALISATIONS_READ: localisations.table.height,
    }
    return counts | {f"{ROWS_REFUSED}: {reason}": number for reason, number in refused.items()}


def extract_localisations(localisations: Localisations, task: ExtractTask) -> dict[str, int]:
    """Filter, cluster and measure the localisations of one FOV, and write its two tables; see `extract_fov`."""
    dimensions, notes = localisations.dimensions, localisations.notes
    table, filtered = apply_filters(localisations.table, dimensions, task.recipe.preprocess, str(task.source.path))
    counts = count_read(localisations) | filtered
    del localisations  # memory, in large fields of view
    return extract_table(table, dimensions, task, counts, notes).counts


def extract_table(
    table: pl.DataFrame, dimensions: int, task: ExtractTask, counts: Mapping[str, int], notes: Sequence[str]
) -> ExtractedFov:
    """Cluster and measure filtered localisations, and write both tables.

    Args:
        table: Localisations in nm, of a FOV or of an object.
        dimensions: 2 or 3.
        task: What they are of, the recipe and the folder to write to.
        counts: What was refused and dropped before.
        notes: Remarks on how the raw file was read.

    Returns:
        What was written, with all counts.

    Raises:
        DataError: There are too many localisations or too few clusters, or a column is missing.
    """
    source, recipe = task.source, task.recipe
    _check_columns(table, recipe, source.path)
    if recipe.max_localisations is not None and table.height > recipe.max_localisations:
        raise DataError(
            f"{source.path}: expected at most {recipe.max_localisations:,} localisations (limits.max_localisations), "
            f"found {table.height:,}; cut it with preprocess=[region], divide it with objects=tiles, or raise the limit"
        )
    positions = {
        name: float(table[name].mean())  # type: ignore[arg-type]
        for name in schema.position_columns(dimensions)
        if source.parent is not None and table.height
    }
    table = table[order_localisations(table, dimensions)]
    locs, clusters, dropped = _extract_views(table, dimensions, task)
    fov = ExtractedFov(
        fov_id=source.fov_id,
        locs=locs,
        clusters=clusters,
        dimensions=dimensions,
        label=source.label,
        class_names=task.class_names,
        group=source.group,
        units=_stated(locs, recipe.features, dimensions, "unit"),
        counts=dict(counts) | dropped,
        notes=tuple(notes),
        recipe=dict(recipe.settings),
        fingerprint=task.fingerprint,
        scales=_stated(locs, recipe.features, dimensions, "scale"),
        measures=measure_fov(locs[: int(np.searchsorted(locs[schema.VIEW].to_numpy(), 1))], dimensions) | positions,
        parent=source.parent,
    )
    write_fov(task.folder, fov)
    return fov


def _check_columns(table: pl.DataFrame, recipe: ExtractRecipe, path: Path) -> None:
    for part, needs in (("clusterer", recipe.clusterer.needs), ("features", recipe.features.needs)):
        absent = [name for name in needs if name not in table.columns]
        if absent:
            raise DataError(
                f"{path}: the {part} expected the columns {absent}, found {table.columns}; name them in the columns, "
                f"or choose other settings of {part}"
            )


def _extract_views(
    table: pl.DataFrame, dimensions: int, task: ExtractTask
) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, int]]:
    """Return both tables of all views, and the counts of what was dropped in view 0, the whole FOV."""
    recipe = task.recipe
    points = np.ascontiguousarray(table.select(schema.position_columns(dimensions)).to_numpy())
    columns = {name: table[name].to_numpy() for name in recipe.clusterer.needs}
    chosen: list[np.ndarray] = []
    owners: list[np.ndarray] = []
    counts: dict[str, int] = {}
    for view in range(recipe.views.count):
        rows = recipe.views.rows(view, table.height)
        seed = recipe.views.cluster_seed(view, table.height)
        own = columns if view == 0 else {name: values[rows] for name, values in columns.items()}
        labels, dropped = cluster_view(points if view == 0 else points[rows], own, recipe, seed)
        if view == 0:
            table, of_labels = _label(table, labels, task)
            counts = dropped | of_labels
        if dropped[schema.N_CLUSTERS] < recipe.min_clusters:
            if view == 0:
                raise DataError(
                    f"{task.source.path}: expected at least {recipe.min_clusters} clusters of at least "
                    f"{recipe.min_localisations} localisations, found {dropped[schema.N_CLUSTERS]}; change the "
                    "clusterer, or lower min_clusters"
                )
            counts["views_left_out"] = counts.get("views_left_out", 0) + 1
            continue
        order = np.argsort(labels, kind="stable")
        if not recipe.keep_unclustered:
            order = order[np.searchsorted(labels[order], 0) :]
        chosen.append(rows[order])
        owners.append(labels[order])
    # one table of all views: with small FOVs the time goes into the number of operations on tables, not their rows
    locs = table[np.concatenate(chosen)].hstack([pl.Series(schema.CLUSTER_ID, np.concatenate(owners), pl.Int64)])
    del chosen, points, columns  # memory, in large fields of view
    return *measure_views(locs, owners, dimensions, recipe.features), counts


def _label(table: pl.DataFrame, clusters: np.ndarray, task: ExtractTask) -> tuple[pl.DataFrame, dict[str, int]]:
    """Return view 0 with the labels that annotations give its localisations, and counts of labels.

    Args:
        table: Localisations (N,).
        clusters: Cluster of each (N,), -1 for those without one.
        task: The FOV.
    """
    source = task.source
    counts: dict[str, int] = {}
    if source.parts is not None and source.parent is None:
        table, counts = source.parts.label(table, task.class_names, clusters, source.fov_id)
    if source.by_localisation and schema.LOC_LABEL in table.columns:
        counts[schema.N_LABELLED] = int(((table[schema.LOC_LABEL].to_numpy() >= 0) & (clusters >= 0)).sum())
    return table, counts


def cluster_view(
    points: np.ndarray, columns: Mapping[str, np.ndarray], recipe: ExtractRecipe, seed: int
) -> tuple[np.ndarray, dict[str, int]]:
    """Cluster one view of a FOV, and drop clusters that are too small.

    Args:
        points: Positions (N, D) float64 nm.
        columns: What the clusterer needs besides, name to values (N,).
        recipe: The settings.
        seed: Seed of the clusterer.

    Returns:
        Cluster of each localisation (N,), numbered from 0 without a gap, -1 for those without one; counts of what was
        dropped.

    Raises:
        ConfigError: The clusterer does not return one integer for each localisation.
    """
    labels = np.asarray(recipe.clusterer(points, seed, **columns))
    if labels.shape != (len(points),) or not np.issubdtype(labels.dtype, np.integer):
        raise ConfigError(
            f"expected one integer for each of {len(points)} localisations from {type(recipe.clusterer).__name__}, "
            f"found {labels.dtype} of shape {labels.shape}",
            setting="clustering",
        )
    sizes = np.bincount(labels[labels >= 0])
    large = sizes >= recipe.min_localisations
    new_label = np.where(large, np.cumsum(large) - 1, schema.NOISE)
    kept = np.where(labels >= 0, new_label[labels], schema.NOISE) if sizes.size else labels
    return kept, {
        "localisations_unclustered": int((labels == schema.NOISE).sum()),
        "clusters_too_small": int((~large & (sizes > 0)).sum()),
        "localisations_in_small_clusters": int(sizes[~large].sum()),
        schema.N_LOCALISATIONS: int((kept >= 0).sum()),
        schema.N_CLUSTERS: int(large.sum()),
    }


def _stated(locs: pl.DataFrame, features: FeatureSet, dimensions: int, what: str) -> dict[str, str]:
    """Return the unit or scale of each column of both tables."""
    given = [column for name, column in schema.LOCALISATION_COLUMNS.items() if name in locs.columns]
    measured = (*given, *features.localisation_columns(dimensions), *features.columns(dimensions))
    return {column.name: getattr(column, what) for column in measured}
