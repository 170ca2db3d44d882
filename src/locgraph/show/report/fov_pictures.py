"""Pictures of fields of view (FOVs) from the prepared tables: as they are, and by what explains their class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import LocgraphError
from locgraph.io.featextracted import LOCS, fov_path, read_fov
from locgraph.show.figures.scored_fov import SCORE_COLOURS, score_norm
from locgraph.show.figures.style import length_text
from locgraph.show.figures.thumbnail import DENSITY_COLOURS
from locgraph.show.report.absent import Absent
from locgraph.show.report.files import read_parquet
from locgraph.show.report.pictures import data_uri
from locgraph.show.report.raster import dot_radius, frame, paint

MOST_DRAWN: Final = 20_000
"""Of more localisations a random choice is painted: a small picture shows no more."""

_SIDES: Final = (112, 88, 64, 48)
_NEIGHBOURHOOD: Final = 24
_NOISE: Final = 205


@dataclass(frozen=True)
class Thumbnails:
    """Small pictures of FOVs.

    Attributes:
        uris: FOV -> ``data:`` URI.
        side: Of the pictures, in pixels.
        left_out: How many FOVs have none, since the page would be too large.
        failures: FOV -> why it could not be drawn.
    """

    uris: dict[str, str]
    side: int
    left_out: int
    failures: dict[str, str]


def thumbnails(tables: Path, fov_ids: Sequence[str], max_bytes: int) -> Thumbnails:
    """Draws FOVs as small as it takes to stay within a size.

    Args:
        tables: Folder of the prepared tables.
        fov_ids: The FOVs, the most important first.
        max_bytes: Size of all pictures together.

    Returns:
        The pictures; where even small ones are too many, those of the first FOVs.
    """
    side = next((side for side in _SIDES if len(fov_ids) * side * side * 0.17 <= max_bytes), _SIDES[-1])
    uris: dict[str, str] = {}
    failures: dict[str, str] = {}
    size = 0
    for place, fov_id in enumerate(fov_ids):
        points = read_points(tables, fov_id)
        if isinstance(points, Absent):
            failures[fov_id] = points.reason
            continue
        uri = data_uri(density_picture(points, side), colours=16)
        size += len(uri)
        if size > max_bytes:
            return Thumbnails(uris, side, len(fov_ids) - place, failures)
        uris[fov_id] = uri
    return Thumbnails(uris, side, 0, failures)


def read_points(tables: Path, fov_id: str) -> np.ndarray | Absent:
    """Positions x and y (N, 2) of view 0 of a FOV in nm, or why there are none."""
    table = read_parquet(fov_path(tables, LOCS, fov_id))
    if isinstance(table, Absent):
        return table
    missing = {schema.X, schema.Y, schema.VIEW} - set(table.columns)
    if missing:
        return Absent(f"The table of {fov_id} has no {', '.join(sorted(missing))}.")
    points = table.filter(pl.col(schema.VIEW) == 0).select(schema.X, schema.Y).to_numpy().astype(np.float64)
    return points if len(points) else Absent(f"{fov_id} has no localisation.")


def density_picture(points: np.ndarray, side: int) -> np.ndarray:
    """Localisations, darker where there are more of them.

    Args:
        points: (N, 2) float64 in nm, N >= 1.
        side: In pixels.

    Returns:
        (side, side, 3) uint8.
    """
    points = points[_drawn(len(points))]
    corner, span = frame(points)
    cells = np.clip(((points - corner) / span * _NEIGHBOURHOOD).astype(np.int64), 0, _NEIGHBOURHOOD - 1)
    flat = cells[:, 0] * _NEIGHBOURHOOD + cells[:, 1]
    density = np.bincount(flat, minlength=_NEIGHBOURHOOD**2)[flat]
    order = np.argsort(density, kind="stable")
    shade = 0.35 + 0.5 * density / density.max()
    colours = np.round(DENSITY_COLOURS(shade)[:, :3] * 255).astype(np.uint8)
    return paint(points[order], colours[order], side, dot_radius(len(points), side), np.zeros(len(points), dtype=bool))


def scored_picture(
    points: np.ndarray, owners: np.ndarray, scores: Mapping[int, float], outlined: set[int], side: int
) -> np.ndarray:
    """Localisations in the colour of the score of their cluster, outlined where it explains the class.

    Args:
        points: (N, 2) float64 in nm, N >= 1.
        owners: (N,) cluster of each, -1 is noise.
        scores: Cluster -> score; grey where it is 0, as far from it as the largest score at both ends.
        outlined: Clusters that explain the class together.
        side: In pixels.

    Returns:
        (side, side, 3) uint8.
    """
    shown = _drawn(len(points))
    points, owners = points[shown], owners[shown]
    values = np.array([scores.get(int(owner), 0.0) for owner in owners])
    order = np.argsort(np.abs(values), kind="stable")
    points, owners, values = points[order], owners[order], values[order]
    colours = np.round(SCORE_COLOURS(score_norm(values)(values))[:, :3] * 255).astype(np.uint8)
    colours[owners < 0] = _NOISE
    ringed = np.isin(owners, list(outlined))
    return paint(points, colours, side, dot_radius(len(points), side), ringed)


def read_clustered(tables: Path, fov_id: str) -> tuple[np.ndarray, np.ndarray] | Absent:
    """Positions (N, 2) in nm and clusters (N,) of view 0 of a FOV, or why there are none."""
    try:
        locs = read_fov(tables, fov_id).locs.filter(pl.col(schema.VIEW) == 0)
    except LocgraphError as error:
        return Absent(str(error))
    points = locs.select(schema.X, schema.Y).to_numpy().astype(np.float64)
    return (points, locs[schema.CLUSTER_ID].to_numpy()) if len(points) else Absent(f"{fov_id} has no localisation.")


def width_text(points: np.ndarray) -> str:
    """How wide a picture of these localisations is, such as ``140 nm``."""
    side = frame(points)[1]
    digits = 2 - int(np.floor(np.log10(side))) - 1
    return length_text(round(side, digits))


def _drawn(n_localisations: int) -> np.ndarray:
    if n_localisations <= MOST_DRAWN:
        return np.arange(n_localisations)
    return np.sort(np.random.default_rng(0).choice(n_localisations, MOST_DRAWN, replace=False))
