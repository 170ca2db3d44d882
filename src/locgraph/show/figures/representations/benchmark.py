"""Representations beside each other: every number as bars with its interval, and their order as a polar plot."""

from __future__ import annotations

import math
import textwrap
from typing import Final

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from locgraph.analysis.representations.scores import (
    BALANCED_ACCURACY,
    BETTER_THAN_MEAN,
    FACTOR_R2,
    METRICS,
    NOVELTY,
    OUTLIERS_SUPERVISED,
    PROBE_GROUP,
    PROBE_R2,
    REPRESENTATION,
    ROTATION_ERROR,
    ROTATION_HIGH,
    ROTATION_MEDIAN,
    ROTATION_SPREAD,
    TOP,
    UNSEEN_ACCURACY,
    UNSEEN_BALANCED,
    label_of,
    z_scores,
)
from locgraph.errors import DataError
from locgraph.show.figures.style import (
    BLACK,
    DARK_GREY,
    GREY,
    PAGE_MM,
    PALE_GREY,
    SMALL_POINTS,
    Mark,
    class_marks,
    house_style,
    new_figure,
    write_title,
)

_COLUMNS: Final = 4
_LETTERS: Final = 24
_POLAR_MM: Final = 85.0
_LIMIT: Final = 2.0  # of z-scores, as their scale ends there
_NOT_DRAWN: Final = (*TOP.values(), UNSEEN_ACCURACY, ROTATION_MEDIAN, ROTATION_HIGH)  # others stand for them
_WITHIN_ONE: Final = (
    *(BALANCED_ACCURACY, UNSEEN_BALANCED, PROBE_R2, PROBE_GROUP),
    *(NOVELTY, OUTLIERS_SUPERVISED, BETTER_THAN_MEAN, FACTOR_R2),
)
"""Numbers that are at most 1: on one scale, small ones look small."""
_LEAST_ERROR: Final = 0.02
"""End of the scale of rotation errors, at least: below it bars are those of rounding."""
_FEWEST_AXES: Final = 3
_CAUTION: Final = (
    "z-scores over the representations compared here, larger is better. With so few of them they order the "
    "representations; how much they differ, and whether by chance, the bars above show."
)


@house_style()
def benchmark_figure(table: pl.DataFrame) -> Figure:
    """Draw a panel of bars for each number, with its 95 % interval and the value of chance, and the polar plot below.

    Args:
        table: The columns of `locgraph.analysis.representations.scores.COLUMNS`.

    Returns:
        The figure, a page wide. The polar plot is there with three representations or more.

    Raises:
        DataError: There is no value to draw.
    """
    kept = table.filter(pl.col("value").is_not_null() & ~pl.col("metric").is_in(_NOT_DRAWN))
    if kept.is_empty():
        raise DataError("expected at least one number to draw, found none")
    names = table.filter(~pl.col("is_control"))[REPRESENTATION].unique(maintain_order=True).to_list()
    controls = table.filter(pl.col("is_control"))[REPRESENTATION].unique(maintain_order=True).to_list()
    marks = class_marks(names) | {name: Mark(GREY, "s") for name in controls}
    panels = _panels(kept)
    z = z_scores(table)
    polar = z["label"].n_unique() >= _FEWEST_AXES
    n_rows = math.ceil(len(panels) / _COLUMNS)
    row_mm = 16.0 + 4.0 * (len(names) + len(controls))
    figure = new_figure(PAGE_MM, 14.0 + row_mm * n_rows + (_POLAR_MM if polar else 0.0))
    heights = [row_mm] * n_rows + ([_POLAR_MM] if polar else [])
    grid = figure.add_gridspec(len(heights), _COLUMNS, height_ratios=heights)
    for place, (title, part) in enumerate(panels):
        axes = figure.add_subplot(grid[place // _COLUMNS, place % _COLUMNS])
        _draw_bars(axes, title, part, [*names, *controls], marks, named=place % _COLUMNS == 0)
    if polar:
        _draw_polar(figure.add_subplot(grid[-1, :3], projection="polar"), z, names, marks)
        _write_key(figure.add_subplot(grid[-1, 3]), names, marks)
    write_title(figure, f"{len(names)} representations (lines: 95 % intervals; dashed: chance)")
    return figure


def _panels(kept: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """Return title and rows of each panel, in the order of `METRICS`."""
    panels = []
    for metric in METRICS:
        for (about,), part in kept.filter(pl.col("metric") == metric).group_by("about", maintain_order=True):
            sign = {1: "higher is better", -1: "lower is better", 0: ""}[METRICS[metric].better]
            label = textwrap.fill(label_of(metric, str(about)), _LETTERS)
            panels.append((f"{label}\n{sign}" if sign else f"{label}\nin the vectors", part))
    return panels


def _draw_bars(
    axes: Axes, title: str, part: pl.DataFrame, names: list[str], marks: dict[str, Mark], *, named: bool
) -> None:
    """Draw one number of all representations, from the top; one without a value has no bar."""
    metric = str(part["metric"][0])
    shown = names if metric == BALANCED_ACCURACY else [name for name in names if marks[name].colour != GREY]
    rows = {row[REPRESENTATION]: row for row in part.to_dicts()}
    for place, name in enumerate(shown):
        row = rows.get(name)
        if row is None:
            axes.annotate("-", (0.02, place), xycoords=("axes fraction", "data"), va="center", color=DARK_GREY)
            continue
        axes.barh(place, row["value"], height=0.65, color=marks[name].colour)
        if row["interval_low"] is not None and row["interval_high"] is not None:
            axes.hlines(place, row["interval_low"], row["interval_high"], color=BLACK, linewidth=0.8)
    if metric in _WITHIN_ONE:
        axes.set_xlim(
            min(-0.05, 1.1 * float(part.select(pl.min_horizontal("value", "interval_low").min()).item())), 1.02
        )
    if metric in (ROTATION_ERROR, ROTATION_SPREAD):
        axes.set_xlim(0.0, max(_LEAST_ERROR, axes.get_xlim()[1]))
    chances = part["chance"].drop_nulls()
    if len(chances):
        axes.axvline(float(chances[0]), color=DARK_GREY, linewidth=0.8, linestyle=(0, (3, 2)))
    every = metric == BALANCED_ACCURACY or named
    axes.set_yticks(range(len(shown)), [textwrap.shorten(name, 26) for name in shown] if every else [])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_title(title, fontsize=SMALL_POINTS, fontweight="normal")
    axes.locator_params(axis="x", nbins=4)
    axes.grid(axis="x", color=PALE_GREY, linewidth=0.4)
    axes.set_axisbelow(True)


def _draw_polar(axes: Axes, z: pl.DataFrame, names: list[str], marks: dict[str, Mark]) -> None:
    """Draw the z-scores of each representation as a closed line; 0 is the mean of all."""
    labels = z["label"].unique(maintain_order=True).to_list()
    alike = set(z.filter(pl.col("overlap"))["label"])
    angles = np.linspace(0, 2 * np.pi, len(labels), endpoint=False)
    for name in names:
        own = dict(z.filter(pl.col(REPRESENTATION) == name).select("label", "z").rows())
        values = np.clip([own[label] for label in labels], -_LIMIT, _LIMIT)
        closed = np.append(values, values[0])
        axes.plot(np.append(angles, angles[0]), closed, color=marks[name].colour, marker=marks[name].symbol, ms=2.5)
    axes.set_ylim(-_LIMIT, _LIMIT)
    axes.set_yticks([-2, -1, 0, 1, 2])
    axes.set_rlabel_position(180.0 / len(labels))  # type: ignore[attr-defined]  # between two axes
    axes.set_xticks(angles, [_axis_label(label, label in alike) for label in labels], fontsize=SMALL_POINTS)
    for angle, text in zip(angles, axes.get_xticklabels(), strict=True):
        side = np.cos(angle)
        text.set_horizontalalignment("center" if abs(side) < 0.1 else "left" if side > 0 else "right")
    axes.grid(color=PALE_GREY, linewidth=0.5)
    axes.spines["polar"].set_color(PALE_GREY)


def _axis_label(label: str, alike: bool) -> str:
    return textwrap.fill(label, 14) + ("\n(all intervals\noverlap)" if alike else "")


def _write_key(axes: Axes, names: list[str], marks: dict[str, Mark]) -> None:
    axes.set_axis_off()
    lines = [Line2D([], [], color=marks[name].colour, marker=marks[name].symbol, ms=3, label=name) for name in names]
    axes.legend(handles=lines, loc="upper left")
    axes.text(0.0, 0.35, textwrap.fill(_CAUTION, 32), fontsize=SMALL_POINTS, transform=axes.transAxes, va="top")
