"""Groups of structures: their members, the numbers of groups that were tried, differences, composition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure

from locgraph.analysis.grouping.columns import (
    CHOSEN,
    GROUP,
    N_GROUPS,
    NO_GROUP,
    SILHOUETTE,
    STABILITY,
    STABILITY_HIGH,
    STABILITY_LOW,
)
from locgraph.analysis.grouping.composition import OF_CLASS, OF_FOV
from locgraph.analysis.grouping.examples import QUANTILES, Example
from locgraph.errors import DataError
from locgraph.show.figures.fov import SMALLEST_SPAN_NM, draw_points, shared_spans
from locgraph.show.figures.style import (
    BLUE,
    COLUMN_MM,
    GREY,
    ORANGE,
    PAGE_MM,
    PALE_GREY,
    SMALL_POINTS,
    Mark,
    blank,
    class_marks,
    draw_scale_bar,
    house_style,
    new_figure,
)

MOST_GROUPS: Final = 12
"""Groups that are drawn, the largest."""

_PANEL_MM: Final = 34.0
_MARGIN: Final = 1.08
_TALLER: Final = 1.22
_MOST_COLUMNS: Final = 30
_MOST_BARS: Final = 30


@house_style()
def members_figure(examples: Mapping[int, Sequence[Example]], sizes: Sequence[int], words: str) -> Figure:
    """Draw a row for each group: its medoid, and members at quantiles of the distance to the mean of the group.

    All panels have one scale where they can, else each its own. As in a camera image, y points downwards; structures in
    3D are seen along z.

    Args:
        examples: Group -> its members.
        sizes: Number of units of each group.
        words: What the units are called.

    Returns:
        The figure, at most as wide as a page.

    Raises:
        DataError: There is no example.
    """
    drawn = [(group, each) for group, members in examples.items() for each in members if len(each.points)]
    if not drawn:
        raise DataError("expected members of at least one group to draw, found none")
    spans, note = shared_spans([_span(each) for _, each in drawn])
    width = min(PAGE_MM / len(QUANTILES), _PANEL_MM)
    figure = new_figure(width * len(QUANTILES), len(examples) * width * (_TALLER + 0.12) + (8.0 if note else 4.0))
    panels = figure.subplots(len(examples), len(QUANTILES), squeeze=False)
    for axes in panels.flat:
        blank(axes)
    place = {group: row for row, group in enumerate(examples)}
    colour = {group: mark.colour for group, mark in _marks(list(examples)).items()}
    for (group, each), span in zip(drawn, spans, strict=True):
        axes = panels[place[group], QUANTILES.index(each.quantile)]
        _draw_member(axes, each, span, colour[group])
    for group, row in place.items():
        title = f"group {group}: {sizes[group]} {words}"
        panels[row, 0].set_title(title, loc="left", fontsize=SMALL_POINTS + 1, parse_math=False)
    if note:
        figure.supxlabel(note, fontsize=SMALL_POINTS)
    return figure


def _span(example: Example) -> float:
    return float(max(np.ptp(example.points[:, :2], axis=0).max(), SMALLEST_SPAN_NM))


def _draw_member(axes: Axes, each: Example, span: float, colour: str) -> None:
    points = each.points[:, :2]
    draw_points(axes, points, np.repeat(to_rgba_array(colour), len(points), axis=0), 0.6)
    middle, half = (points.min(axis=0) + points.max(axis=0)) / 2, span / 2 * _MARGIN
    axes.set_xlim(middle[0] - half, middle[0] + half)
    axes.set_ylim(middle[1] + half * (2 * _TALLER - 1), middle[1] - half)
    draw_scale_bar(axes, middle[0] + half, middle[1] + half * 1.04, 2 * half)
    where = "medoid" if each.quantile == 0 else f"{each.quantile:.0%} of distances"
    axes.text(
        *(0.0, 0.0, f"{each.name[-20:]}\n{where}"),
        transform=axes.transAxes,
        fontsize=SMALL_POINTS - 1,
        ha="left",
        va="bottom",
        parse_math=False,
    )


@house_style()
def numbers_figure(table: pl.DataFrame) -> Figure:
    """Draw stability and silhouette over the number of groups, and which was chosen.

    Args:
        table: `columns.NUMBER_COLUMNS`.

    Returns:
        The figure, one column wide.

    Raises:
        DataError: No number has a result.
    """
    known = table.filter(pl.col(SILHOUETTE).is_not_null() | pl.col(STABILITY).is_not_null())
    if known.is_empty():
        raise DataError("expected a number of groups with a stability or silhouette to draw, found none")
    figure = new_figure(COLUMN_MM, 58.0)
    axes = figure.subplots()
    numbers = known[N_GROUPS].to_numpy()
    stable = known.filter(pl.col(STABILITY).is_not_null())
    if stable.height:
        ends = (stable[STABILITY_LOW].to_numpy(), stable[STABILITY_HIGH].to_numpy())
        axes.fill_between(stable[N_GROUPS].to_numpy(), *ends, color=BLUE, alpha=0.15, linewidth=0)
        label = "stability (adjusted Rand index of bootstrap samples, 80 % of pairs)"
        axes.plot(stable[N_GROUPS], stable[STABILITY], color=BLUE, marker="o", markersize=3, label=label)
    axes.plot(numbers, known[SILHOUETTE], color=ORANGE, marker="s", markersize=3, label="mean silhouette")
    for number in known.filter(pl.col(CHOSEN))[N_GROUPS]:
        axes.axvline(number, color=GREY, linewidth=0.8, linestyle=(0, (3, 2)), zorder=0, label="used")
    axes.set_xticks(numbers)
    axes.set_xlabel("number of groups")
    axes.set_ylim(min(0.0, axes.get_ylim()[0]), 1.02)
    axes.grid(axis="y", color=PALE_GREY, linewidth=0.4)
    figure.legend(loc="outside lower left", ncols=1)
    return figure


@house_style()
def differences_figure(differences: pl.DataFrame) -> Figure:
    """Draw Cliff's delta of each group against all others, for the columns that differ most.

    Args:
        differences: `columns.DIFFERENCE_COLUMNS`, the columns that differ most first.

    Returns:
        The figure, one column wide.

    Raises:
        DataError: No column differs.
    """
    if differences.is_empty():
        raise DataError("expected columns that differ between groups to draw, found none")
    names = differences["column"].unique(maintain_order=True).to_list()[:_MOST_COLUMNS]
    groups = differences[GROUP].unique().sort().to_list()
    wide = differences.filter(pl.col("column").is_in(names)).pivot(on=GROUP, index="column", values="delta")
    used = dict(differences.select("column", "used").unique().iter_rows())
    values = np.stack([wide.filter(pl.col("column") == name).drop("column").row(0) for name in names]).astype(
        np.float64
    )
    order = [wide.columns.index(str(group)) - 1 for group in groups]
    figure = new_figure(COLUMN_MM, 26.0 + 3.6 * len(names))
    axes = figure.subplots()
    image = axes.imshow(values[:, order], cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    axes.set_yticks(range(len(names)), [name if used[name] else f"{name} *" for name in names])
    axes.set_xticks(range(len(groups)), [str(group) for group in groups])
    axes.set_xlabel("group; *: not used for the grouping")
    figure.colorbar(image, ax=axes, shrink=0.6, label="Cliff's delta against all others")
    return figure


@house_style()
def composition_figure(composition: pl.DataFrame) -> Figure:
    """Draw the fraction of each group in each class, or in each FOV where there are no classes.

    Args:
        composition: `columns.COMPOSITION_COLUMNS`.

    Returns:
        The figure, one column wide.

    Raises:
        DataError: There is no FOV.
    """
    if composition.is_empty():
        raise DataError("expected FOVs with groups to draw, found none")
    of = OF_CLASS if (composition["of"] == OF_CLASS).any() else OF_FOV
    value = "mean_fraction" if of == OF_CLASS else "fraction"
    rows = composition.filter(pl.col("of") == of)
    names = rows["name"].unique(maintain_order=True).to_list()
    shown = names[:_MOST_BARS]
    figure = new_figure(COLUMN_MM, 24.0 + 4.4 * len(shown))
    axes = figure.subplots()
    groups = rows[GROUP].unique().sort().to_list()
    left = np.zeros(len(shown))
    for group, mark in _marks(groups).items():
        fractions = np.array(
            [rows.filter(pl.col("name") == name, pl.col(GROUP) == group)[value].item() for name in shown]
        )
        label = "none" if group == NO_GROUP else str(group)
        axes.barh(range(len(shown)), fractions, left=left, color=mark.colour, height=0.7, label=label)
        left += fractions
    axes.set_yticks(range(len(shown)), [str(name)[-24:] for name in shown], parse_math=False)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    more = f", {len(shown)} of {len(names)}" if len(names) > len(shown) else ""
    axes.set_xlabel("mean fraction over cases" if of == OF_CLASS else f"fraction of the units of a FOV{more}")
    figure.legend(loc="outside lower left", ncols=8, title="group", handlelength=1.0, columnspacing=1.0)
    return figure


def _marks(groups: Sequence[int]) -> dict[int, Mark]:
    """Return a mark of each group; no group is grey."""
    numbered = [group for group in groups if group != NO_GROUP]
    marks = dict(zip(numbered, class_marks([str(group) for group in numbered]).values(), strict=True))
    return {NO_GROUP: Mark(PALE_GREY, "o"), **marks} if NO_GROUP in groups else marks
