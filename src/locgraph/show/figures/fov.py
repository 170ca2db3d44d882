"""One field of view (FOV) as a figure: localisations, clusters, and the edges between clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from scipy.spatial import cKDTree

from locgraph import schema
from locgraph.errors import DataError
from locgraph.show.figures.style import (
    CLUSTER_COLOURS,
    COLUMN_MM,
    GREY,
    blank,
    draw_scale_bar,
    house_style,
    new_figure,
)

MAX_DRAWN: Final = 200_000
"""Of more localisations a random choice is drawn: a figure has fewer dots than that."""

SMALLEST_SPAN_NM: Final = 10.0
"""A FOV is drawn as at least this wide."""

_NOISE_COLOUR: Final = "#BFBFBF"
_MARGIN: Final = 0.04
_N_NEIGHBOURS: Final = 8


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
        colours: (N, 4) of the localisations.
        centres: (C, D) float64 in nm; C may be 0.
        centre_colours: (C, 4).
        edges: (2, E) int64, indices of centres, each pair once.
    """

    colours: np.ndarray
    centres: np.ndarray
    centre_colours: np.ndarray
    edges: np.ndarray


def make_scene(locs: pl.DataFrame, clusters: pl.DataFrame | None, edges: np.ndarray | None, dimensions: int) -> Scene:
    """Check the tables of one view of a FOV and choose colours, so that neighbouring clusters differ.

    Args:
        locs: Localisations with positions in nm; ``cluster_id`` where they are clustered.
        clusters: Cluster centres in nm; without them none are drawn.
        edges: (2, E) indices of clusters in the order of their ``cluster_id``; without them none are drawn.
        dimensions: 2 or 3.

    Returns:
        The scene.

    Raises:
        DataError: A column is missing, there is no localisation or more than one view, or an edge names no cluster.
    """
    if dimensions not in (2, 3):
        raise DataError(f"expected a FOV of 2 or 3 dimensions, found {dimensions}")
    _check(locs, schema.position_columns(dimensions), "localisations")
    if locs.is_empty():
        raise DataError("expected at least one localisation to draw, found none")
    labels = (
        locs[schema.CLUSTER_ID].to_numpy() if schema.CLUSTER_ID in locs.columns else np.full(locs.height, schema.NOISE)
    )
    points = locs.select(schema.position_columns(dimensions)).to_numpy().astype(np.float64)
    centres, links = np.zeros((0, dimensions)), np.zeros((2, 0), dtype=np.int64)
    if clusters is not None:
        _check(clusters, (schema.CLUSTER_ID, *schema.centre_columns(dimensions)), "clusters")
        ordered = clusters.sort(schema.CLUSTER_ID)
        centres = ordered.select(schema.centre_columns(dimensions)).to_numpy().astype(np.float64)
        links = undirected(edges, len(centres))
    palette = to_rgba_array([*(CLUSTER_COLOURS[index] for index in _colour_indices(points, labels)), _NOISE_COLOUR])
    if len(centres) >= len(palette):
        raise DataError(
            f"expected localisations of all {len(centres)} clusters, found {len(palette) - 1} clusters among them"
        )
    shown = drawn_rows(len(points))
    return Scene(points[shown], palette[labels[shown]], centres, palette[: len(centres)], links)


def draw_scene(axes: Axes, scene: Scene, plane: tuple[int, int] = (0, 1), magnification: float = 1.0) -> None:
    """Draw a scene, seen along the axis that is not in ``plane``.

    Args:
        axes: Gets nanometres on both axes.
        scene: From `make_scene`.
        plane: Coordinates drawn to the right and upwards.
        magnification: Of dots and lines; below 1 for small panels.
    """
    across, up = plane
    size = magnification**2 * float(np.clip(70.0 / np.sqrt(len(scene.points)), 0.3, 6.0))
    axes.scatter(
        scene.points[:, across], scene.points[:, up], s=size, c=scene.colours, alpha=0.75, linewidths=0, rasterized=True
    )
    if scene.edges.size:
        ends = scene.centres[scene.edges.T][:, :, [across, up]]
        axes.add_collection(LineCollection(list(ends), colors=GREY, linewidths=0.6 * magnification, zorder=2))
    if len(scene.centres):
        axes.scatter(
            scene.centres[:, across],
            scene.centres[:, up],
            s=magnification**2 * float(np.clip(150.0 / np.sqrt(len(scene.centres)), 4.0, 22.0)),
            c=scene.centre_colours,
            edgecolors="black",
            linewidths=0.7 * magnification,
            zorder=3,
        )


def _check(table: pl.DataFrame, columns: tuple[str, ...], what: str) -> None:
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise DataError(f"expected columns {', '.join(columns)} in the {what}, found {table.columns}")
    if schema.VIEW in table.columns and table[schema.VIEW].n_unique() > 1:
        raise DataError(f"expected {what} of one view, found {table[schema.VIEW].n_unique()}: choose one of them")


def undirected(edges: np.ndarray | None, n_clusters: int) -> np.ndarray:
    """Return each undirected pair of edges between clusters once, without loops.

    Args:
        edges: (2, E) indices of clusters, or None.
        n_clusters: Number of clusters.

    Returns:
        (2, E') int64, the smaller index first.

    Raises:
        DataError: An edge names no cluster.
    """
    if edges is None or np.size(edges) == 0:
        return np.zeros((2, 0), dtype=np.int64)
    pairs = np.sort(np.asarray(edges, dtype=np.int64), axis=0)
    if pairs[0].min() < 0 or pairs[1].max() >= n_clusters:
        raise DataError(f"expected edges between clusters 0 to {n_clusters - 1}, found {pairs.min()} to {pairs.max()}")
    return np.unique(pairs[:, pairs[0] < pairs[1]], axis=1)


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


def drawn_rows(n_localisations: int) -> np.ndarray:
    """Return indices of the localisations that are drawn: all, or a random `MAX_DRAWN`, the same every time."""
    if n_localisations <= MAX_DRAWN:
        return np.arange(n_localisations)
    return np.sort(np.random.default_rng(0).choice(n_localisations, MAX_DRAWN, replace=False))


@house_style()
def fov_figure(
    locs: pl.DataFrame, clusters: pl.DataFrame | None, edges: np.ndarray | None, title: str, dimensions: int
) -> Figure:
    """Draw one view of a FOV: localisations in the colour of their cluster, centres, edges, and a scale bar.

    As in a camera image, y points downwards; upside down, a digit would be another structure. In three dimensions a
    second panel shows x and z. Of more than `MAX_DRAWN` localisations a random choice is drawn, and the title names
    both numbers.

    Args:
        locs: Localisations with positions in nm; ``cluster_id`` where they are clustered, noise is grey.
        clusters: Cluster centres in nm, or None.
        edges: (2, E) indices of clusters in the order of their ``cluster_id``, or None.
        title: Stands above.
        dimensions: 2 or 3.

    Returns:
        The figure, one column wide.

    Raises:
        DataError: A column is missing, there is no localisation or more than one view, or an edge names no cluster.
    """
    scene = make_scene(locs, clusters, edges, dimensions)
    spans = np.maximum(scene.high - scene.low, SMALLEST_SPAN_NM)
    heights = [float(np.clip(spans[axis] / spans[0], 0.3, 1.6)) for axis in range(1, dimensions)]
    figure = new_figure(COLUMN_MM, 14.0 + 80.0 * sum(heights))
    panels: list[Axes] = list(figure.subplots(dimensions - 1, 1, squeeze=False, height_ratios=heights)[:, 0])
    for axis, axes in enumerate(panels, start=1):
        draw_scene(axes, scene, (0, axis))
        make_window(scene, (0, axis)).show(axes)
    name_planes(panels)
    shown = len(scene.points)
    panels[0].set_title(title if shown == locs.height else f"{title}\n{shown:,} of {locs.height:,} localisations drawn")
    return figure


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
