"""Fields of view (FOVs) of every class side by side, with the classes that the model predicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from locgraph.errors import DataError
from locgraph.show.figures.fov import Scene, draw_scene, make_scene, shared_spans
from locgraph.show.figures.style import (
    GREEN,
    PAGE_MM,
    SMALL_POINTS,
    VERMILLION,
    blank,
    draw_scale_bar,
    house_style,
    new_figure,
)

_MARGIN: Final = 1.08
_WIDEST_MM: Final = 45.0
_TALLER: Final = 1.13


@dataclass(frozen=True)
class Tile:
    """One FOV of the gallery.

    Attributes:
        locs: Localisations of one view, positions in nm.
        truth: Its class.
        prediction: Class that the model predicts, or other words about it; None where there is none.
    """

    locs: pl.DataFrame
    truth: str
    prediction: str | None = None


@house_style()
def gallery_figure(tiles: Sequence[Tile], class_names: Sequence[str]) -> Figure:
    """Draw a column for each class and its FOVs below each other, clusters outlined, all FOVs at one scale.

    As in a camera image, y points downwards. Three-dimensional FOVs are seen from above. Where one FOV is far larger
    than the others, each has its own scale, and the figure says so. Every FOV has a scale bar.

    Args:
        tiles: The FOVs, in the order in which they fill their columns.
        class_names: Classes, in the order of the columns.

    Returns:
        The figure, at most as wide as a page.

    Raises:
        DataError: There is no tile, a tile's class is not among ``class_names``, or its tables cannot be drawn.
    """
    unknown = sorted({tile.truth for tile in tiles} - set(class_names))
    if unknown or not tiles:
        raise DataError(f"expected FOVs of the classes {list(class_names)}, found {unknown or 'no FOV'}")
    scenes = [make_scene(tile.locs, dimensions=2) for tile in tiles]
    spans, words = shared_spans([scene.span_nm for scene in scenes])
    columns = [[place for place, tile in enumerate(tiles) if tile.truth == name] for name in class_names]
    n_rows = max(map(len, columns))
    width = min(PAGE_MM / len(class_names), _WIDEST_MM)
    figure = new_figure(width * len(class_names), 6.0 + n_rows * (width * _TALLER + 1.0) + (4.0 if words else 0.0))
    panels = figure.subplots(n_rows, len(class_names), squeeze=False)
    for panel in panels.flat:
        blank(panel)
    for name, column, below in zip(class_names, columns, panels.T, strict=True):
        below[0].set_title(name, loc="center", parse_math=False)
        for place, axes in zip(column, below, strict=False):
            _draw_tile(axes, tiles[place], scenes[place], spans[place] / 2 * _MARGIN, width / 40.0)
    if words:
        figure.supxlabel(words, fontsize=SMALL_POINTS)
    return figure


def _draw_tile(axes: Axes, tile: Tile, scene: Scene, half: float, magnification: float) -> None:
    draw_scene(axes, scene, magnification)
    middle = (scene.low + scene.high) / 2
    axes.set_xlim(middle[0] - half, middle[0] + half)
    # room below for the words and the bar
    axes.set_ylim(middle[1] + half * (2 * _TALLER - 1), middle[1] - half)
    draw_scale_bar(axes, middle[0] + half, middle[1] + half * 1.02, 2 * half)
    _write_prediction(axes, tile)


def _write_prediction(axes: Axes, tile: Tile) -> None:
    if tile.prediction is None:
        return
    right = tile.prediction == tile.truth
    axes.text(
        0.0,
        0.0,
        f"{'✓' if right else '✗'} {tile.prediction}",
        transform=axes.transAxes,
        ha="left",
        va="bottom",
        fontsize=SMALL_POINTS,
        fontweight="normal" if right else "bold",
        color=GREEN if right else VERMILLION,
        parse_math=False,
    )
