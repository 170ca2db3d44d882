"""Disputed fields of view (FOVs): what each annotator states, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from locgraph.errors import DataError
from locgraph.io.annotations.derive import fov_statements
from locgraph.io.annotations.statements import PartLabels, to_statements
from locgraph.schema import annotation as columns
from locgraph.show.figures.fov import Extent, Window, draw_points, make_window
from locgraph.show.figures.style import (
    DARK_GREY,
    GREY,
    PAGE_MM,
    SMALL_POINTS,
    Mark,
    blank,
    class_marks,
    house_style,
    new_figure,
)

MOST_ANNOTATORS: Final = 5
"""In one row; of more the others are named."""

_WIDEST_MM: Final = 55.0
_BESIDE_MM: Final = 8.0
_ABOVE_MM: Final = 9.0
_LEGEND_MM: Final = 8.0
_LONGEST: Final = 30
_TALLEST: Final = 1.2  # height over width of a panel
_ROOM: Final = 0.25  # beside localisations for lines that leave them, as part of their span
_OUTSIDE: Final = "#A9A9A9"


@dataclass(frozen=True)
class DisputedFov:
    """A FOV that is drawn.

    Attributes:
        fov_id: Its name.
        positions: Localisations (N, 2) nm, at least one.
        rows: Standing statements about it, in the order of time.
        disagreement: 0 to 1.
    """

    fov_id: str
    positions: np.ndarray
    rows: pl.DataFrame
    disagreement: float


@house_style()
def disputes_figure(fovs: Sequence[DisputedFov], class_names: Sequence[str]) -> Figure:
    """Draw a row for each FOV, and in it a panel for each annotator.

    Localisations have the colour of the class that the annotator gave them by regions; outlines are those of lassos and
    polygons. Points and clicked clusters are symbols; the class of the whole FOV stands above. As in a camera image, y
    points downwards.

    Args:
        fovs: The FOVs, the most disputed first.
        class_names: All classes.

    Returns:
        The figure, at most as wide as a page.

    Raises:
        DataError: There is no FOV.
    """
    if not fovs:
        raise DataError("expected FOVs that annotators disagree about; found none to draw")
    marks = class_marks(class_names)
    names = [sorted(fov.rows[columns.ANNOTATOR].unique()) for fov in fovs]
    n_columns = min(max(map(len, names)), MOST_ANNOTATORS)
    width = min((PAGE_MM - _BESIDE_MM) / n_columns, _WIDEST_MM)
    windows = [make_window(_extent(fov), (0, 1)) for fov in fovs]
    heights = [width * min(window.height / window.width, _TALLEST) + _ABOVE_MM for window in windows]
    figure = new_figure(width * n_columns + _BESIDE_MM, sum(heights) + _LEGEND_MM)
    panels = figure.subplots(len(fovs), n_columns, squeeze=False, height_ratios=heights)
    for fov, own, window, row in zip(fovs, names, windows, panels, strict=True):
        for axes in row:
            blank(axes)
        for annotator, axes in zip(own[:n_columns], row, strict=False):
            _draw_panel(axes, fov, annotator, window, class_names, marks)
        more = len(own) - n_columns
        words = f"{_shortened(fov.fov_id)}\ndisagreement {fov.disagreement:.2f}"
        words += f", {more} more annotators" if more > 0 else ""
        _write_beside(row[0], words)
    shown = set(pl.concat([fov.rows[columns.LABEL] for fov in fovs]))
    _draw_legend(figure, {name: mark for name, mark in marks.items() if name in shown})
    return figure


def _extent(fov: DisputedFov) -> Extent:
    """Return what a panel shows: all localisations, and lines around them that do not lead far away."""
    low, high = fov.positions.min(axis=0), fov.positions.max(axis=0)
    room = _ROOM * float((high - low).max())
    drawn = fov.rows.select(columns.X, columns.Y).drop_nulls().explode(columns.X, columns.Y).to_numpy()
    return Extent(np.vstack([fov.positions, np.clip(drawn, low - room, high + room)]))


def _draw_panel(
    axes: Axes, fov: DisputedFov, annotator: str, window: Window, class_names: Sequence[str], marks: Mapping[str, Mark]
) -> None:
    rows = fov.rows.filter(pl.col(columns.ANNOTATOR) == annotator)
    regions = rows.filter(pl.col(columns.TARGET) == columns.OF_REGION)
    colours = np.tile(to_rgba(_OUTSIDE), (len(fov.positions), 1))
    if regions.height:
        (stated,) = PartLabels(to_statements(regions)).state(fov.positions, class_names, None, fov.fov_id)
        palette = np.array([to_rgba(marks[name].colour) for name in class_names])
        colours[stated >= 0] = palette[stated[stated >= 0]]
    order = np.argsort((colours != to_rgba(_OUTSIDE)).any(axis=1), kind="stable")  # what has a class on top
    draw_points(axes, fov.positions[order], colours[order], 0.6)
    for row in regions.iter_rows(named=True):
        if row[columns.RADIUS] is None:
            colour = GREY if row[columns.LABEL] is None else marks[row[columns.LABEL]].colour
            ring = np.column_stack([row[columns.X], row[columns.Y]])
            axes.plot(*np.vstack([ring, ring[:1]]).T, color=colour, linewidth=0.8)
    _draw_marks(axes, rows, marks)
    window.show(axes)
    label = fov_statements(rows).get(fov.fov_id, {}).get(annotator)
    axes.set_title(_shortened(annotator), loc="left", pad=10.0, parse_math=False)
    axes.annotate(
        "" if label is None else f"FOV: {label}",
        (0, 1),
        xytext=(0, 3),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=SMALL_POINTS,
        color=DARK_GREY if label is None else marks[label].colour,
        fontweight="bold",
        parse_math=False,
    )


def _draw_marks(axes: Axes, rows: pl.DataFrame, marks: Mapping[str, Mark]) -> None:
    """Draw points, and the centres of clusters, as symbols of their class."""
    single = rows.filter(pl.col(columns.TARGET).is_in([columns.OF_POINT, columns.OF_CLUSTER]))
    for row in single.drop_nulls(columns.LABEL).iter_rows(named=True):
        mark = marks[row[columns.LABEL]]
        axes.plot(
            *(row[columns.X], row[columns.Y]),
            marker=mark.symbol,
            color=mark.colour,
            markersize=4.5,
            markeredgecolor="white",
            markeredgewidth=0.7,
            linestyle="none",
            zorder=4,
        )


def _write_beside(axes: Axes, words: str) -> None:
    axes.annotate(
        words,
        (0, 0.5),
        xytext=(-4, 0),
        xycoords="axes fraction",
        textcoords="offset points",
        rotation=90,
        ha="right",
        va="center",
        multialignment="center",
        fontsize=SMALL_POINTS,
        color=DARK_GREY,
        annotation_clip=False,
        parse_math=False,
    )


def _draw_legend(figure: Figure, marks: Mapping[str, Mark]) -> None:
    entries = [
        Line2D([], [], marker=mark.symbol, color=mark.colour, linestyle="none", markersize=4.5, label=name)
        for name, mark in marks.items()
    ]
    entries.append(Line2D([], [], marker="o", color=_OUTSIDE, linestyle="none", markersize=3, label="no class"))
    legend = figure.legend(handles=entries, loc="outside lower center", ncols=min(len(entries), 7))
    for text in legend.get_texts():
        text.set_parse_math(False)


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST else f"…{name[1 - _LONGEST :]}"
