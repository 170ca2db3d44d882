"""Accuracy and calibration error against the severity of perturbations, one pair of panels for each."""

from __future__ import annotations

import math
import textwrap
from typing import Final

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from locgraph import schema
from locgraph.errors import DataError
from locgraph.show.figures.style import (
    BLUE,
    DARK_GREY,
    GREY,
    ORANGE,
    PAGE_MM,
    PALE_GREY,
    PURPLE,
    SMALL_POINTS,
    VERMILLION,
    house_style,
    new_figure,
    write_title,
)

_COLUMNS: Final = 4
_ROW_MM: Final = 68.0
_LETTERS: Final = 26  # below a panel
_COLOURS: Final = (BLUE, ORANGE, DARK_GREY, PURPLE)
_STYLES: Final = ("-", "-", "--", ":")
_SHIFT: Final = 0.06  # of the distance of severities, so that intervals do not lie on each other


@house_style()
def stress_figure(table: pl.DataFrame) -> Figure:
    """Draw accuracy with its 95 % interval, and the calibration error below it, against each severity.

    Where the network marks FOVs as unlike those of training, their fraction is drawn beside the accuracy.

    Severities stand at equal distances; the one that changes nothing is marked.

    Args:
        table: The columns of `locgraph.analysis.stress.STRESS_COLUMNS`.

    Returns:
        The figure, a page wide.

    Raises:
        DataError: There is no row.
    """
    if table.is_empty():
        raise DataError("expected at least one perturbation to draw, found none")
    parts = table.partition_by(schema.PERTURBATION, maintain_order=True)
    methods = table[schema.METHOD].unique(maintain_order=True).to_list()
    n_rows = math.ceil(len(parts) / _COLUMNS)
    n_columns = min(len(parts), _COLUMNS)
    figure = new_figure(PAGE_MM * max(n_columns, 2) / _COLUMNS, 18.0 + _ROW_MM * n_rows)
    heights = [1.5, 1.0] * n_rows
    grid = figure.subplots(2 * n_rows, n_columns, squeeze=False, height_ratios=heights)
    for axes in grid.flat:
        axes.set_visible(False)
    largest = max(0.1, float(table["ece"].max() or 0.0))  # type: ignore[arg-type]
    for place, part in enumerate(parts):
        row, column = divmod(place, n_columns)
        upper, lower = grid[2 * row, column], grid[2 * row + 1, column]
        _draw_panel(upper, part, methods, "accuracy")
        _draw_panel(lower, part, methods, "ece")
        upper.set_ylim(0.0, 1.02)
        lower.set_ylim(0.0, 1.1 * largest)
        upper.set_title(str(part[schema.PERTURBATION][0]).replace("_", " "))
        upper.tick_params(labelbottom=False)
        lower.set_xlabel(textwrap.fill(str(part[schema.MEANING][0]), _LETTERS))
        if column == 0:
            upper.set_ylabel("accuracy")
            lower.set_ylabel("calibration error")
    n_fovs = max(table[schema.N_FOVS].to_list())
    write_title(figure, f"{n_fovs} FOVs, perturbed (lines: 95 % interval; dashed: as they are)")
    lines = [
        Line2D([], [], color=_COLOURS[place % 4], linestyle=_STYLES[place % 4], label=method.replace("_", " "))
        for place, method in enumerate(methods)
    ]
    if table[schema.UNLIKE].is_not_null().any():
        lines.append(Line2D([], [], color=VERMILLION, linestyle=":", label="marked as unlike by the network"))
    figure.legend(handles=lines, loc="outside lower left", ncols=len(lines))
    return figure


def _draw_panel(axes: Axes, part: pl.DataFrame, methods: list[str], score: str) -> None:
    """Draw one score of all methods; a severity that left no FOV has no dot."""
    axes.set_visible(True)
    severities = part[schema.SEVERITY].unique().sort().to_list()
    for place, method in enumerate(methods):
        rows = part.filter(pl.col(schema.METHOD) == method).sort(schema.SEVERITY)
        shift = (place - (len(methods) - 1) / 2) * _SHIFT
        x = [severities.index(value) + shift for value in rows[schema.SEVERITY]]
        colour, style = _COLOURS[place % 4], _STYLES[place % 4]
        axes.plot(x, rows[score], color=colour, linestyle=style, marker="o", markersize=2.5, zorder=3 - place * 0.1)
        if f"{score}_low" in rows.columns:
            axes.vlines(x, rows[f"{score}_low"], rows[f"{score}_high"], color=colour, linewidth=0.8)
    if score == "accuracy" and part[schema.UNLIKE].is_not_null().any():
        marked = part.filter(pl.col(schema.UNLIKE).is_not_null()).sort(schema.SEVERITY)
        x = [severities.index(value) for value in marked[schema.SEVERITY]]
        axes.plot(x, marked[schema.UNLIKE], color=VERMILLION, linestyle=":", zorder=2)
    neutral = part.filter(pl.col(schema.NEUTRAL))[schema.SEVERITY][0]
    axes.axvline(severities.index(neutral), color=GREY, linewidth=0.6, linestyle=(0, (3, 3)), zorder=0)
    axes.set_xticks(range(len(severities)), [f"{value:g}" for value in severities], fontsize=SMALL_POINTS)
    axes.set_xlim(-0.4, len(severities) - 0.6)
    axes.grid(axis="y", color=PALE_GREY, linewidth=0.4)
    axes.set_axisbelow(True)
