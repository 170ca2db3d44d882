"""One field of view (FOV) with its objects outlined in the colours of their classes, and how many there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from locgraph import schema
from locgraph.errors import DataError
from locgraph.show.figures.fov import Extent, draw_outlines, draw_points, make_window
from locgraph.show.figures.style import (
    GREY,
    PAGE_MM,
    SMALL_POINTS,
    class_marks,
    house_style,
    new_figure,
    write_title,
)

MOST_NAMES: Final = 100
"""Of more objects none is named: names would hide what they stand beside."""

WITHOUT_CLASS: Final = "without class"

_DENSITY_COLOUR: Final = "#595959"
_LEGEND_MM: Final = 34.0
_COMPACT: Final = 1000  # objects from which on lines are thin


@house_style()
def objects_figure(points: np.ndarray, objects: pl.DataFrame, class_names: Sequence[str], title: str) -> Figure:
    """Draw a FOV from above: localisations in grey, and a line around each object in the colour of its class.

    Outlines are rounded and at least 0.4 % of the width away from localisations, so that small objects can be seen in
    large FOVs. As in a camera image, y points downwards.

    Args:
        points: (N, D) float64 positions of all localisations in nm.
        objects: One row for each object: ``object``, its name; ``decision``, its class, null for none; ``rows``, its
            localisations; an object without rows is not drawn.
        class_names: The classes, in the order of their colours.
        title: Stands above.

    Returns:
        The figure, as wide as a page.

    Raises:
        DataError: There is no localisation, or an object names one that is not there.
    """
    if not len(points):
        raise DataError(f"{title}: expected localisations to draw, found none")
    drawn = objects.filter(pl.col(schema.ROWS).list.len() > 0)
    window = make_window(Extent(points), (0, 1))
    width = PAGE_MM - _LEGEND_MM
    height = float(np.clip(width * window.height / window.width, 40.0, 1.6 * width))
    figure = new_figure(PAGE_MM, height + 10.0)
    axes = figure.subplots()
    draw_points(axes, points[:, :2], np.tile(to_rgba(_DENSITY_COLOUR), (len(points), 1)), 2.0)
    marks = {name: mark.colour for name, mark in class_marks(class_names).items()}
    if drawn.height:
        _outline(axes, points, drawn, marks, window.width)
    window.show(axes)
    _write_legend(figure, drawn[schema.DECISION], marks)
    write_title(figure, title)
    return figure


def _outline(axes: Axes, points: np.ndarray, drawn: pl.DataFrame, marks: Mapping[str, str], span_nm: float) -> None:
    sizes = drawn[schema.ROWS].list.len().to_numpy().astype(np.int64)
    rows = drawn[schema.ROWS].explode().to_numpy()
    if rows.max() >= len(points) or rows.min() < 0:
        raise DataError(
            f"expected rows of objects among {len(points)} localisations, found {rows.min()} to {rows.max()}"
        )
    own = points[rows, :2]
    colours = np.array([to_rgba(marks.get(name, GREY)) for name in drawn[schema.DECISION]])
    line = 0.7 if drawn.height > _COMPACT else 1.2
    owners = np.repeat(np.arange(drawn.height), sizes)
    draw_outlines(axes, own, owners, np.arange(drawn.height), colours, span_nm, line)
    if drawn.height > MOST_NAMES:
        return
    starts = np.cumsum(sizes) - sizes
    corners = np.column_stack([np.maximum.reduceat(own[:, 0], starts), np.minimum.reduceat(own[:, 1], starts)])
    for name, corner, colour in zip(drawn[schema.OBJECT], corners, colours, strict=True):
        axes.annotate(
            name,
            corner,
            xytext=(2, 2),
            textcoords="offset points",
            fontsize=SMALL_POINTS,
            color=colour,
            parse_math=False,
        )


def _write_legend(figure: Figure, decisions: pl.Series, marks: Mapping[str, str]) -> None:
    """Write the number of objects of each class at the right."""
    numbers = dict(decisions.value_counts().iter_rows())
    entries = [(colour, f"{name}: {numbers.get(name, 0):,}") for name, colour in marks.items()]
    if numbers.get(None):
        entries.append((GREY, f"{WITHOUT_CLASS}: {numbers[None]:,}"))
    lines = [Line2D([], [], color=colour, linewidth=2.0) for colour, _ in entries]
    words = [words for _, words in entries]
    figure.legend(lines, words, title=f"{len(decisions):,} objects", loc="outside right upper")
