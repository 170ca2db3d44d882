"""One field of view (FOV) drawn by how much its clusters mean to a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from scipy.spatial import ConvexHull

from locgraph import schema
from locgraph.errors import DataError
from locgraph.show.figures.fov_panel import drawn_rows, undirected
from locgraph.show.figures.style import BLACK, BLUE, DARK_GREY, VERMILLION

SCORE_COLOURS: Final = LinearSegmentedColormap.from_list(
    "scores", [BLUE, "#7FB8D8", "#D6D6D6", "#EAAF80", VERMILLION], N=255
)
"""Against the class (blue), nothing (grey), for the class (vermillion): apart for colour-blind readers too."""

_NOISE_COLOUR: Final = "#E3E3E3"
_N_CORNERS: Final = 20
_PAD: Final = 0.015
_SMALLEST_SPAN_NM: Final = 10.0


@dataclass(frozen=True)
class ScoredFov:
    """View 0 of a FOV with the scores of its clusters.

    Attributes:
        locs: Localisations with positions in nm and ``cluster_id``; -1 is noise.
        clusters: Cluster centres in nm, one for each score in the order of their ``cluster_id``.
        scores: (C,) float64, larger speaks more for the class.
        outlined: (C,) bool, the clusters that explain the class together.
        edges: (2, E) int64 indices of clusters; those between outlined clusters are drawn.
        dimensions: 2 or 3.
    """

    locs: pl.DataFrame
    clusters: pl.DataFrame
    scores: np.ndarray
    outlined: np.ndarray
    edges: np.ndarray
    dimensions: int


@dataclass(frozen=True)
class ScoredScene:
    """What there is to draw of one `ScoredFov`.

    Attributes:
        points: (N, D) float64 in nm; those of clusters that matter most come last, on top.
        owners: (N,) int64, cluster of each, -1 is noise.
        centres: (C, D) float64 in nm.
        scores: (C,) float64.
        outlined: (C,) bool.
        edges: (2, E) int64 between outlined clusters, each pair once.
    """

    points: np.ndarray
    owners: np.ndarray
    centres: np.ndarray
    scores: np.ndarray
    outlined: np.ndarray
    edges: np.ndarray

    @property
    def low(self) -> np.ndarray:
        """(D,) smallest coordinates in nm."""
        return self.points.min(axis=0)

    @property
    def high(self) -> np.ndarray:
        """(D,) largest coordinates in nm."""
        return self.points.max(axis=0)

    @property
    def span_nm(self) -> float:
        """Largest side of what is drawn."""
        return float(max((self.high - self.low).max(), _SMALLEST_SPAN_NM))


def make_scored_scene(fov: ScoredFov) -> ScoredScene:
    """Checks a FOV and its scores.

    Raises:
        DataError: There is nothing to draw, or scores, outlines or edges are not those of its clusters.
    """
    needed = (*schema.position_columns(fov.dimensions), schema.CLUSTER_ID)
    centres = (*schema.centre_columns(fov.dimensions), schema.CLUSTER_ID)
    for table, columns, what in ((fov.locs, needed, "localisations"), (fov.clusters, centres, "clusters")):
        if table.is_empty() or not set(columns) <= set(table.columns):
            raise DataError(
                f"expected {what} with the columns {', '.join(columns)} to draw, found {table.height} rows of "
                f"{table.columns}"
            )
    n_clusters = fov.clusters.height
    if not len(fov.scores) == len(fov.outlined) == n_clusters:
        raise DataError(
            f"expected a score and an outline for each of {n_clusters} clusters, found {len(fov.scores)} scores and "
            f"{len(fov.outlined)} outlines"
        )
    if not np.isfinite(fov.scores).all():
        raise DataError(f"expected finite scores to draw, found {int((~np.isfinite(fov.scores)).sum())} that are not")
    owners = fov.locs[schema.CLUSTER_ID].to_numpy()
    if owners.max() >= n_clusters:
        raise DataError(f"expected localisations of clusters 0 to {n_clusters - 1}, found {owners.max()}")
    points = fov.locs.select(needed[:-1]).to_numpy().astype(np.float64)
    shown = drawn_rows(len(points))
    weight = np.append(np.abs(fov.scores), -1.0)[owners[shown]]
    shown = shown[np.argsort(weight, kind="stable")]
    links = undirected(fov.edges, n_clusters)
    places = fov.clusters.sort(schema.CLUSTER_ID).select(centres[:-1]).to_numpy().astype(np.float64)
    inside = fov.outlined[links].all(axis=0)
    return ScoredScene(points[shown], owners[shown], places, fov.scores, fov.outlined, links[:, inside])


def score_norm(scores: np.ndarray) -> Normalize:
    """Grey is 0: both ends are as far from it as the largest score, so that colours tell signs and sizes."""
    largest = float(np.abs(scores).max(initial=0.0))
    return Normalize(-(largest or 1.0), largest or 1.0)


def draw_scored(axes: Axes, scene: ScoredScene, plane: tuple[int, int] = (0, 1), magnification: float = 1.0) -> None:
    """Draws localisations in the colour of the score of their cluster, and outlines the clusters that explain.

    Args:
        axes: Gets nanometres on both axes.
        scene: From `make_scored_scene`.
        plane: Coordinates drawn to the right and upwards.
        magnification: Of dots and lines; below 1 for small panels.
    """
    seen = list(plane)
    size = magnification**2 * float(np.clip(90.0 / np.sqrt(len(scene.points)), 0.4, 7.0))
    noise = scene.owners < 0
    if noise.any():
        x, y = scene.points[noise][:, seen].T
        axes.scatter(x, y, s=size / 2, c=_NOISE_COLOUR, linewidths=0, rasterized=True)
    x, y = scene.points[~noise][:, seen].T
    colours = SCORE_COLOURS(score_norm(scene.scores)(scene.scores[scene.owners[~noise]]))
    axes.scatter(x, y, s=size, c=colours, alpha=0.85, linewidths=0, rasterized=True)
    if scene.edges.size:
        ends = scene.centres[scene.edges.T][:, :, seen]
        lines = LineCollection(list(ends), colors=DARK_GREY, linewidths=0.7 * magnification, zorder=2)
        axes.add_collection(lines)
    pad = _PAD * scene.span_nm
    rings = [
        outline(points[:, seen], pad)
        for index in np.flatnonzero(scene.outlined)
        if len(points := scene.points[scene.owners == index])
    ]
    axes.add_collection(
        PolyCollection(rings, facecolors="none", edgecolors=BLACK, linewidths=0.8 * magnification, zorder=3)
    )


def outline(points: np.ndarray, pad: float) -> np.ndarray:
    """A rounded line around points at a distance.

    Args:
        points: (N, 2), at least one.
        pad: How far the line stays away, in the unit of the points; above 0.

    Returns:
        (M, 2) corners of the convex hull of circles around all points.
    """
    angles = np.linspace(0, 2 * np.pi, _N_CORNERS, endpoint=False)
    circle = pad * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    around = (np.unique(points, axis=0)[:, None, :] + circle).reshape(-1, 2)
    return around[ConvexHull(around).vertices]
