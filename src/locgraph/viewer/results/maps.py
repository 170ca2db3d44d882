"""Maps of learned vectors: FOVs or clusters as points in a plane, one map for each model."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotReadyError
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.feature_table import FeatureTable
from locgraph.analysis.projection import PC, UMAP_COLUMNS, PrincipalComponents, principal_components, umap_projection
from locgraph.errors import ConfigError, DataError
from locgraph.run_folder import CLUSTER_VECTORS, EMBEDDINGS, FOV_VECTORS, RunFolder
from locgraph.viewer.results.files import Results

PCA, UMAP = "pca", "umap"
METHODS: Final = (PCA, UMAP)

MOST_POINTS: Final = 20_000
"""Of more clusters a random choice is shown."""

_PATIENCE_S: Final = 1.0
_OTHER_SPACE: Final = "Each fold has a network of its own: positions on maps of different folds cannot be compared."


@dataclass(frozen=True)
class MapFile:
    """Vectors that a map is made from.

    Attributes:
        name: Name for people.
        path: The table.
        unit: ``fov`` or ``cluster``: what each point is.
        fold: Fold of the network; None where it is not known.
        note: What to know when looking at it; may be empty.
    """

    name: str
    path: Path
    unit: str
    fold: int | None
    note: str


@dataclass(frozen=True)
class Points:
    """A map.

    Attributes:
        x: (N,) float64.
        y: (N,) float64.
        fovs: Row of the FOV of each point in the table of FOVs (N,) int64.
        clusters: Cluster of each point (N,) int64; None where points are FOVs.
        axes: What the axes are.
        notes: What to know when looking at it, and what was left out.
    """

    x: np.ndarray
    y: np.ndarray
    fovs: np.ndarray
    clusters: np.ndarray | None
    axes: tuple[str, str]
    notes: tuple[str, ...]


def find_maps(results: Results) -> list[MapFile]:
    """Return the maps that can be made: of FOVs first, then of clusters."""
    several = len(results.runs) > 1
    note = _OTHER_SPACE if several else ""
    maps = []
    for name, unit, words in (
        (FOV_VECTORS, schema.FOV, "FOVs"),
        (EMBEDDINGS, "", "embeddings"),
        (CLUSTER_VECTORS, schema.CLUSTER, "clusters"),
    ):
        for run in results.runs:
            path = run.folder / name
            if path.is_file():
                kind = unit or _unit_of(path)
                maps.append(
                    MapFile(f"{words}, {run.name}" if several else _alone(words, kind), path, kind, run.fold, note)
                )
    return sorted(maps, key=lambda each: each.unit != schema.FOV)


def _alone(words: str, unit: str) -> str:
    return f"{words} of {'FOVs' if unit == schema.FOV else 'clusters'}" if words == "embeddings" else words


def _unit_of(path: Path) -> str:
    try:
        return schema.CLUSTER if schema.CLUSTER_ID in pl.read_parquet_schema(path) else schema.FOV
    except (OSError, pl.exceptions.PolarsError):
        return schema.FOV


def project(source: MapFile, method: str, rows: Mapping[str, int]) -> Points:
    """Place vectors in a plane.

    Args:
        source: The vectors.
        method: `PCA` or `UMAP`.
        rows: FOV -> its row in the table of FOVs; others are left out.

    Raises:
        DataError: The table cannot be read, or holds too little for a map.
    """
    table, notes = _readable(source, rows)
    columns = [name for name in table.columns if name.startswith(schema.VECTOR_PREFIX)]
    features = FeatureTable(
        table.select(schema.FOV_ID, pl.lit(None, pl.String).alias(schema.LABEL), pl.col(columns).cast(pl.Float64)),
        dict.fromkeys(columns, "1"),
    )
    projection = principal_components(features, 2) if method == PCA else umap_projection(features)
    if projection.reason is not None:
        raise DataError(f"{source.path}: {projection.reason}")
    if isinstance(projection, PrincipalComponents):
        names, parts = [f"{PC}1", f"{PC}2"], [*projection.explained, 0.0]
        axes = (f"component 1 ({parts[0]:.0%} of the variance)", f"component 2 ({parts[1]:.0%} of the variance)")
    else:
        names, axes = UMAP_COLUMNS, ("UMAP 1", "UMAP 2")
        notes.append("UMAP keeps neighbours together; distances between groups and their sizes mean little.")
    points = [_column(projection.table, name) for name in names]
    clusters = table[schema.CLUSTER_ID].to_numpy() if source.unit == schema.CLUSTER else None
    fovs = table[schema.FOV_ID].replace_strict(rows, return_dtype=pl.Int64).to_numpy()
    given = [source.note] if source.note else []
    return Points(points[0], points[1], fovs, clusters, axes, (*given, *notes, *projection.warnings))


def _column(table: pl.DataFrame, name: str) -> np.ndarray:
    """Return coordinates; 0 where there is a single component."""
    return np.asarray(table[name].to_numpy() if name in table.columns else np.zeros(table.height))


def _readable(source: MapFile, rows: Mapping[str, int]) -> tuple[pl.DataFrame, list[str]]:
    """Return vectors of known FOVs without gaps, as many as a map can show, and what was left out."""
    table = RunFolder(source.path.parent).table(source.path.name)
    columns = [name for name in table.columns if name.startswith(schema.VECTOR_PREFIX)]
    needed = {schema.FOV_ID, *([schema.CLUSTER_ID] if source.unit == schema.CLUSTER else [])}
    if not columns or not needed <= set(table.columns):
        raise DataError(
            f"{source.path}: expected {', '.join(sorted(needed))} and vectors v_0, v_1, ...; found {table.columns[:8]}"
        )
    notes = []
    whole = pl.all_horizontal(pl.col(columns).is_not_null() & pl.col(columns).is_finite())
    for keep, words in (
        (whole, "vectors hold a value that is no number"),
        (pl.col(schema.FOV_ID).is_in(list(rows)), "vectors are of FOVs that are not in the list"),
    ):
        kept = table.filter(keep)
        if kept.height < table.height:
            notes.append(f"{table.height - kept.height:,} of {table.height:,} {words} and are left out.")
        table = kept
    if table.height > MOST_POINTS and source.unit == schema.CLUSTER:
        notes.append(f"{MOST_POINTS:,} of {table.height:,} clusters, chosen at random.")
        table = table[np.sort(np.random.default_rng(0).choice(table.height, MOST_POINTS, replace=False))]
    return table, notes


class Maps:
    """Maps that are computed once, in the background, and kept."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Any, ...], Future[Points]] = {}
        self._lock = threading.Lock()

    def points(self, source: MapFile, method: str, rows: Mapping[str, int]) -> Points | None:
        """Return a map; None while it is being computed.

        Args:
            source: The vectors.
            method: `PCA` or `UMAP`.
            rows: FOV -> its row in the table of FOVs.

        Raises:
            ConfigError: There is no such method.
            DataError: See `project`.
        """
        if method not in METHODS:
            raise ConfigError(f"expected {' or '.join(METHODS)}; found {method[:20]!r}", setting="method")
        try:
            state = source.path.stat()
        except OSError as error:
            raise DataError(f"{source.path}: expected vectors; the file is gone") from error
        key = (source.path, method, state.st_mtime_ns, state.st_size, len(rows))
        with self._lock:
            begins = key not in self._kept
            future = self._kept.setdefault(key, Future())
        if begins:
            # as a daemon: a viewer that is stopped does not wait for UMAP
            threading.Thread(target=_fulfil, args=(future, source, method, dict(rows)), daemon=True).start()
        try:
            return future.result(timeout=_PATIENCE_S)
        except NotReadyError:
            return None


def _fulfil(future: Future[Points], source: MapFile, method: str, rows: Mapping[str, int]) -> None:
    try:
        future.set_result(project(source, method, rows))
    except Exception as error:  # noqa: BLE001  # of whatever kind: it is raised where the map is asked for
        future.set_exception(error)


def describe(maps: Sequence[MapFile]) -> list[dict[str, Any]]:
    """Return what a page shows of each map."""
    return [{"name": each.name, "unit": each.unit, "fold": each.fold, "note": each.note} for each in maps]
