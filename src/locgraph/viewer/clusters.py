"""Clusters of a scene: centres, features and outlines."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from scipy.spatial import ConvexHull, QhullError

from locgraph import schema
from locgraph.io.featextracted import feature_columns
from locgraph.preparation.features.hull import monotone_chain
from locgraph.viewer.levels.columns import ColumnAbout, ColumnNames, describe
from locgraph.viewer.levels.levels import POSITION, Levels

POLYGONS: Final = "polygons"
SEGMENTS: Final = "segments"

MOST_HULLS: Final = 50_000
"""Of more clusters none is outlined: lines would hide what they surround, and take minutes to compute."""

_FEWEST_IN_3D: Final = 5
_NM_DIGITS: Final = 3


@dataclass(frozen=True)
class Clusters:
    """Clusters of a FOV.

    Attributes:
        ids: (C,) int64, ascending.
        centres: (C, D) float64 nm, in the coordinates of the file.
        columns: What is known of each feature.
        values: Feature -> (C,) float32.
        column: Column of the localisations that names the cluster of each; None where none does.
    """

    ids: np.ndarray
    centres: np.ndarray
    columns: tuple[ColumnAbout, ...]
    values: Mapping[str, np.ndarray]
    column: str | None

    def header(self) -> dict[str, Any]:
        """Return what is known before the clusters are read, as plain values."""
        columns = [column.header() for column in self.columns]
        return {"n": len(self.ids), "column": self.column, "columns": columns}


def clusters_of_table(
    table: pl.DataFrame, dimensions: int, names: ColumnNames, column: str | None = schema.CLUSTER_ID
) -> Clusters:
    """Return the clusters of a table with a row for each, such as that of view 0 of prepared tables."""
    values = {name: table[name].cast(pl.Float32).to_numpy() for name in feature_columns(table)}
    columns = tuple(describe(name, own, names) for name, own in values.items())
    centres = table.select(pl.col(schema.centre_columns(dimensions)).cast(pl.Float64)).to_numpy()
    return Clusters(table[schema.CLUSTER_ID].to_numpy(), centres, columns, values, column)


def clusters_of_column(levels: Levels, column: str) -> Clusters | None:
    """Return the clusters that a column of categories names, with their number of localisations; None without any."""
    about = levels.column(column)
    codes = np.asarray(levels.values[column])
    ids, owner, counts = np.unique(codes, return_inverse=True, return_counts=True)
    position = levels.values[POSITION]
    sums = [np.bincount(owner, position[:, axis], len(ids)) for axis in range(levels.dimensions)]
    centres = np.stack(sums, axis=1) / counts[:, None] + levels.origin
    values = ids.astype(np.int64) + about.first
    real = values >= 0
    if not real.any():
        return None
    count = counts[real].astype(np.float32)
    columns = (describe(schema.COUNT, count, ColumnNames(), "localisations"),)
    return Clusters(values[real], centres[real], columns, {schema.COUNT: count}, column)


@dataclass(frozen=True)
class Outlines:
    """Convex hulls of clusters.

    Attributes:
        kind: `POLYGONS`: vertices in turn, in 2D. `SEGMENTS`: both ends of each edge of the hull, in 3D.
        starts: (C + 1,) int64, first vertex of each cluster, and V at the end; a cluster without outline has none.
        vertices: (V, D) float32 nm relative to the origin.
    """

    kind: str
    starts: np.ndarray
    vertices: np.ndarray


def outlines(levels: Levels, clusters: Clusters) -> Outlines | None:
    """Return the convex hull of the localisations of each cluster; None where there are too many, or none is named.

    Of a flat hull both ends are vertices in 2D, of a single localisation one; in 3D a hull without volume is that of
    localisations moved by Qhull's rounding (option QJ), and up to four are all joined.
    """
    if clusters.column is None or len(clusters.ids) > MOST_HULLS:
        return None
    values = levels.values[clusters.column].astype(np.int64) + levels.column(clusters.column).first
    position = np.asarray(levels.values[POSITION])
    rows = np.flatnonzero(values >= 0)
    rows = rows[np.lexsort((*position[rows, 1::-1].T, values[rows]))]
    ordered = values[rows]
    starts, ends = np.searchsorted(ordered, clusters.ids, "left"), np.searchsorted(ordered, clusters.ids, "right")
    shape = _polygon if levels.dimensions == 2 else _segments
    parts = [shape(position[rows[start:end]].astype(np.float64)) for start, end in zip(starts, ends, strict=True)]
    kind = POLYGONS if levels.dimensions == 2 else SEGMENTS
    vertices = np.concatenate([np.empty((0, levels.dimensions)), *parts]).astype("<f4")
    return Outlines(kind, np.append(0, np.cumsum([len(part) for part in parts])).astype(np.int64), vertices)


def _polygon(points: np.ndarray) -> np.ndarray:
    """Return the vertices (h, 2) of the hull of points (n, 2), sorted by x, then y."""
    return monotone_chain(points) if len(points) else points


def _segments(points: np.ndarray) -> np.ndarray:
    """Return both ends (2 e, 3) of the edges of the hull of points (n, 3)."""
    if len(points) < _FEWEST_IN_3D:
        first, second = np.triu_indices(len(points), 1)
        return np.stack([points[first], points[second]], axis=1).reshape(-1, 3)
    try:
        faces = ConvexHull(points).simplices
    except QhullError:
        try:
            faces = ConvexHull(points, qhull_options="QJ").simplices
        except QhullError:  # all at one position
            return np.empty((0, 3))
    pairs = np.sort(faces[:, [[0, 1], [1, 2], [0, 2]]].reshape(-1, 2), axis=1)
    return points[np.unique(pairs, axis=0)].reshape(-1, 3)


def describe_clusters(clusters: Clusters, hulls: Outlines | None, origin: np.ndarray) -> dict[str, Any]:
    """Return clusters and outlines as plain values, flat lists of numbers among them.

    Args:
        clusters: The clusters.
        hulls: Their outlines; None where there are none.
        origin: (D,) nm, what positions become relative to.

    Returns:
        ``n``, ``ids``, ``centres`` (C * D), ``columns`` name -> values, and ``hulls`` with ``kind``, ``starts`` and
        ``vertices`` (V * D). A feature that is no number is null.
    """
    outlined = None
    if hulls is not None:
        vertices = np.round(hulls.vertices.astype(np.float64).ravel(), _NM_DIGITS)
        outlined = {"kind": hulls.kind, "starts": hulls.starts.tolist(), "vertices": vertices.tolist()}
    return {
        "n": len(clusters.ids),
        "ids": clusters.ids.tolist(),
        "centres": np.round((clusters.centres - origin).ravel(), _NM_DIGITS).tolist(),
        "columns": {name: _plain(values) for name, values in clusters.values.items()},
        "hulls": outlined,
    }


def _plain(values: np.ndarray) -> list[float | None]:
    return [float(f"{value:.7g}") if math.isfinite(value) else None for value in values.tolist()]
