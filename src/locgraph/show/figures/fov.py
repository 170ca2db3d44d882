"""One field of view (FOV) as a figure."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from locgraph.show.figures.fov_panel import Scene, draw_scene, make_scene
from locgraph.show.figures.scale_bar import draw_scale_bar
from locgraph.show.figures.style import COLUMN_MM, blank, house_style, new_figure

_MARGIN: Final = 0.04
_SMALLEST_SPAN_NM: Final = 10.0


@house_style()
def fov_figure(
    locs: pl.DataFrame, clusters: pl.DataFrame | None, edges: np.ndarray | None, title: str, dimensions: int
) -> Figure:
    """Draws one view of a FOV: localisations in the colour of their cluster, centres, edges, and a scale bar.

    As in a camera image, y points downwards; upside down, a digit would be another structure. In three dimensions a
    second panel shows x and z. Of more than `MAX_DRAWN` localisations a random choice is
    drawn, and the title says so.

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
    spans = np.maximum(scene.high - scene.low, _SMALLEST_SPAN_NM)
    heights = [float(np.clip(spans[axis] / spans[0], 0.3, 1.6)) for axis in range(1, dimensions)]
    figure = new_figure(COLUMN_MM, 14.0 + 80.0 * sum(heights))
    panels = figure.subplots(dimensions - 1, 1, squeeze=False, height_ratios=heights)[:, 0]
    for axis, axes in enumerate(panels, start=1):
        draw_scene(axes, scene, (0, axis))
        frame(axes, scene, (0, axis))
    if dimensions == 3:
        for axes, words in zip(panels, ("x, y", "x, z"), strict=True):
            axes.text(0.0, 1.0, words, transform=axes.transAxes, va="top")
    shown = len(scene.points)
    panels[0].set_title(title if shown == locs.height else f"{title}\n{shown:,} of {locs.height:,} localisations drawn")
    return figure


def frame(axes: Axes, scene: Scene, plane: tuple[int, int]) -> None:
    """Fits a panel to its scene, with a scale bar below everything drawn."""
    low, high = scene.low[list(plane)], scene.high[list(plane)]
    middle = (low + high) / 2
    half = np.maximum(high - low, _SMALLEST_SPAN_NM) * (0.5 + _MARGIN)
    # Of y the larger values are below, of z above.
    down = 1.0 if plane[1] == 1 else -1.0
    bar = middle[1] + down * (half[1] + 0.05 * half.max())
    blank(axes)
    axes.set_xlim(middle[0] - half[0], middle[0] + half[0])
    axes.set_ylim(bar + down * 0.12 * half.max(), middle[1] - down * half[1])
    draw_scale_bar(axes, middle[0] + half[0], bar, 2 * half[0])
