"""One field of view (FOV) in a panel: localisations, outlines of clusters, scale bar, one scale for several panels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba_array
from scipy.ndimage import gaussian_filter
from scipy.spatial import ConvexHull, QhullError, cKDTree

from locgraph import schema
from locgraph.errors import DataError
from locgraph.show.figures.style import CLUSTER_COLOURS, blank, draw_scale_bar

MOST_DOTS: Final = 10_000
"""Up to this number of localisations each is a dot; of more the density is drawn."""

MOST_OUTLINES: Final = 200
"""Of more clusters none is outlined: lines would hide what they surround."""

SMALLEST_SPAN_NM: Final = 10.0
"""A FOV is drawn as at least this wide."""

OWN_SCALES: Final = "each FOV at its own scale"

_NOISE_COLOUR: Final = "#BFBFBF"
_MARGIN: Final = 0.04
_N_NEIGHBOURS: Final = 8
_N_CORNERS: Final = 20
_PIXELS: Final = 600
_FAINTEST: Final = 0.3
_MOST_UNEQUAL: Final = 5.0
_DARKER: Final = 0.6


@dataclass(frozen=True)
class Extent:
    """Points that are drawn, and the room that they take.

    Attributes:
        points: (N, D) float64 in nm.
    """

    points: np.ndarray

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
        return float(max((self.high - self.low).max(), SMALLEST_SPAN_NM))


@dataclass(frozen=True)
class Scene(Extent):
    """One FOV, ready to be drawn.

    Attributes:
        points: (N, D) float64 in nm.
        owners: (N,) int64, cluster of each, -1 is noise.
        palette: (C + 1, 4) colours of clusters, of noise the last.
    """

    owners: np.ndarray
    palette: np.ndarray


def make_scene(locs: pl.DataFrame, dimensions: int) -> Scene:
    """Check the localisations of one view of a FOV and choose colours, so that neighbouring clusters differ.

    Args:
        locs: Localisations with positions in nm; ``cluster_id`` where they are clustered.
        dimensions: 2 or 3.

    Raises:
        DataError: A column is missing, there is no localisation, or more than one view.
    """
    if dimensions not in (2, 3):
        raise DataError(f"expected a FOV of 2 or 3 dimensions, found {dimensions}")
    columns = schema.position_columns(dimensions)
    if not set(columns) <= set(locs.columns):
        raise DataError(f"expected columns {', '.join(columns)} in the localisations, found {locs.columns}")
    if schema.VIEW in locs.columns and locs[schema.VIEW].n_unique() > 1:
        raise DataError(f"expected localisations of one view, found {locs[schema.VIEW].n_unique()}: choose one of them")
    if locs.is_empty():
        raise DataError("expected at least one localisation to draw, found none")
    clustered = schema.CLUSTER_ID in locs.columns
    owners = locs[schema.CLUSTER_ID].to_numpy() if clustered else np.full(locs.height, schema.NOISE)
    points = locs.select(columns).to_numpy().astype(np.float64)
    palette = to_rgba_array([*(CLUSTER_COLOURS[index] for index in _colour_indices(points, owners)), _NOISE_COLOUR])
    return Scene(points, owners, palette)


def draw_scene(axes: Axes, scene: Scene, magnification: float = 1.0) -> None:
    """Draw a scene from above: localisations in the colour of their cluster, and a line around each cluster.

    Args:
        axes: Gets nanometres on both axes.
        scene: From `make_scene`.
        magnification: Of dots and lines; below 1 for small panels.
    """
    points = scene.points[:, :2]
    draw_points(axes, points, scene.palette[scene.owners], magnification)
    clusters = range(len(scene.palette) - 1)
    if len(clusters) <= MOST_OUTLINES:
        colours = scene.palette * [_DARKER, _DARKER, _DARKER, 1.0]
        draw_outlines(axes, points, scene.owners, clusters, colours[:-1], scene.span_nm, 0.6 * magnification)


def draw_points(axes: Axes, points: np.ndarray, colours: np.ndarray, magnification: float = 1.0) -> None:
    """Draw localisations: dots, or, where they are more than `MOST_DOTS`, their density in the mean of their colours.

    Args:
        axes: Gets nanometres on both axes.
        points: (N, 2) float64 in nm; later ones lie on top.
        colours: (N, 4).
        magnification: Of dots and pixels; below 1 for small panels.
    """
    if len(points) <= MOST_DOTS:
        size = magnification**2 * float(np.clip(80.0 / np.sqrt(max(len(points), 1)), 0.4, 6.0))
        axes.scatter(points[:, 0], points[:, 1], s=size, c=colours, alpha=0.8, linewidths=0, rasterized=True)
        return
    n_pixels = max(int(_PIXELS * magnification), 50)
    low, high = points.min(axis=0), points.max(axis=0)
    pixel = max(float((high - low).max()), SMALLEST_SPAN_NM) / n_pixels
    columns, rows = np.floor((high - low) / pixel).astype(np.int64) + 1
    places = np.floor((points - low) / pixel).astype(np.int64)
    flat = places[:, 1] * columns + places[:, 0]

    def summed(weights: np.ndarray | None) -> np.ndarray:
        counts = np.bincount(flat, weights, minlength=columns * rows).reshape(rows, columns)
        return gaussian_filter(counts.astype(np.float64), 0.7, mode="constant")

    density = summed(None)
    image = np.stack([summed(colours[:, channel]) for channel in range(4)], axis=-1)
    image /= np.maximum(density, 1e-12)[..., None]
    dense = float(np.quantile(density[density > 1e-3], 0.99))
    # single localisations stay visible beside dense clusters
    image[..., 3] = np.where(density > 1e-3, _FAINTEST + (1 - _FAINTEST) * np.sqrt(np.minimum(density / dense, 1)), 0)
    corner = low + np.array([columns, rows]) * pixel
    axes.imshow(np.clip(image, 0, 1), extent=(low[0], corner[0], low[1], corner[1]), origin="lower")


def draw_outlines(
    axes: Axes,
    points: np.ndarray,
    owners: np.ndarray,
    clusters: Sequence[int] | np.ndarray,
    colours: np.ndarray | str,
    span_nm: float,
    linewidth: float,
) -> None:
    """Draw a line around each cluster.

    Args:
        axes: Has nanometres on both axes.
        points: (N, 2) float64 in nm.
        owners: (N,) int64, cluster of each.
        clusters: Those that are outlined.
        colours: One for each of them, or one for all.
        span_nm: Width of what is shown: lines stay away from points by at most 1.2 % of it.
        linewidth: In points.
    """
    order = np.argsort(owners, kind="stable")
    starts = np.searchsorted(owners[order], clusters)
    ends = np.searchsorted(owners[order], clusters, side="right")
    rings = [
        outline(points[order[start:end]], span_nm) if end > start else np.zeros((0, 2))
        for start, end in zip(starts, ends, strict=True)
    ]
    axes.add_collection(PolyCollection(rings, facecolors="none", edgecolors=colours, linewidths=linewidth, zorder=3))


def outline(points: np.ndarray, span_nm: float) -> np.ndarray:
    """Return a rounded line around points, near enough that it shows their size.

    Args:
        points: (N, 2) in nm, at least one.
        span_nm: Width of what is shown.

    Returns:
        (M, 2) corners of the convex hull of circles around all points, whose radius is a quarter of the radius of
        gyration, at least 0.4 % and at most 1.2 % of the width.
    """
    gyration = float(np.sqrt(points.var(axis=0).sum()))
    radius = float(np.clip(gyration / 4, 0.004 * span_nm, 0.012 * span_nm))
    angles = np.linspace(0, 2 * np.pi, _N_CORNERS, endpoint=False)
    circle = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    if len(points) > 3:
        try:
            points = points[ConvexHull(points).vertices]
        except QhullError:
            points = np.unique(points, axis=0)
    around = (points[:, None, :] + circle).reshape(-1, 2)
    return around[ConvexHull(around).vertices]


def shared_spans(spans_nm: Sequence[float]) -> tuple[list[float], str]:
    """Return the width that each of several panels shows.

    Args:
        spans_nm: Widths of what is drawn in each.

    Returns:
        One width for all, the largest, and no words; or, where that is more than five times the median, so that most
        FOVs would be dots, the width of each, and words that say so.
    """
    if not spans_nm:
        return [], ""
    largest = max(spans_nm)
    if largest > _MOST_UNEQUAL * float(np.median(spans_nm)):
        return list(spans_nm), OWN_SCALES
    return [largest] * len(spans_nm), ""


def _colour_indices(points: np.ndarray, labels: np.ndarray) -> list[int]:
    """Choose a colour for each cluster: the one least used among its nearest clusters that have a colour."""
    n_clusters = int(labels.max()) + 1
    if n_clusters <= 0:
        return []
    kept = labels >= 0
    counts = np.maximum(np.bincount(labels[kept], minlength=n_clusters), 1)[:, None]
    sums = [np.bincount(labels[kept], weights=axis[kept], minlength=n_clusters) for axis in points.T]
    middles = np.stack(sums, axis=1) / counts
    _, near = cKDTree(middles).query(middles, k=min(_N_NEIGHBOURS, n_clusters))
    chosen: list[int] = []
    for index, neighbours in enumerate(np.reshape(near, (n_clusters, -1))):
        # the nearest neighbour weighs most
        used = np.zeros(len(CLUSTER_COLOURS))
        for rank, other in enumerate(neighbours):
            if other < index:
                used[chosen[other]] += 1.0 / (1 + rank)
        start = index % len(CLUSTER_COLOURS)
        chosen.append(int((np.roll(used, -start).argmin() + start) % len(CLUSTER_COLOURS)))
    return chosen


def name_planes(panels: Sequence[Axes]) -> None:
    """Write into two panels which coordinates they show; a single panel needs no words."""
    if len(panels) == 2:
        for axes, words in zip(panels, ("x, y", "x, z"), strict=True):
            axes.text(0.0, 1.0, words, transform=axes.transAxes, va="top")


@dataclass(frozen=True)
class Window:
    """Part of a plane that a panel shows, and the scale bar below it.

    Attributes:
        middle: (2,) in nm.
        half: (2,) half of both sides in nm.
        down: 1 where larger values are below, as for y; -1 where they are above, as for z.
    """

    middle: np.ndarray
    half: np.ndarray
    down: float

    @property
    def width(self) -> float:
        """Horizontal side in nm."""
        return float(2 * self.half[0])

    @property
    def height(self) -> float:
        """Vertical side in nm, with the room for the scale bar."""
        return abs(self._bottom - self._top)

    @property
    def _top(self) -> float:
        return float(self.middle[1] - self.down * self.half[1])

    @property
    def _bar(self) -> float:
        return float(self.middle[1] + self.down * (self.half[1] + 0.05 * self.half.max()))

    @property
    def _bottom(self) -> float:
        return self._bar + self.down * 0.12 * float(self.half.max())

    def show(self, axes: Axes) -> None:
        """Fit a panel to this window and draw the scale bar."""
        right = self.middle[0] + self.half[0]
        blank(axes)
        axes.set_xlim(self.middle[0] - self.half[0], right)
        axes.set_ylim(self._bottom, self._top)
        draw_scale_bar(axes, right, self._bar, self.width)


def make_window(extent: Extent, plane: tuple[int, int], smallest_nm: float = SMALLEST_SPAN_NM) -> Window:
    """Return the window around what is drawn, with a margin.

    Args:
        extent: The points that are drawn.
        plane: Coordinates drawn to the right and upwards.
        smallest_nm: Both sides are at least as long.
    """
    low, high = extent.low[list(plane)], extent.high[list(plane)]
    half = np.maximum(high - low, smallest_nm) * (0.5 + _MARGIN)
    return Window((low + high) / 2, half, 1.0 if plane[1] == 1 else -1.0)
