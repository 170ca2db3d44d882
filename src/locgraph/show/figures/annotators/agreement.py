"""Agreement of annotators: each pair as a matrix, each class with its interval."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from locgraph.analysis.annotators import columns
from locgraph.analysis.annotators.agreement import AnnotatorAgreement
from locgraph.errors import DataError
from locgraph.show.figures.style import (
    BLUE,
    DARK_GREY,
    GREY,
    PAGE_MM,
    PALE_GREY,
    SMALL_POINTS,
    VERMILLION,
    house_style,
    new_figure,
)

_TITLES: Final = {
    columns.FOV: "Classes of FOVs",
    columns.CLUSTER: "Classes of clusters",
    columns.POINT: "Points",
    columns.REGION: "Regions",
}
_OF_PAIRS: Final = {columns.FOV: columns.KAPPA, columns.CLUSTER: columns.KAPPA, columns.POINT: columns.F1}
_OF_CLASSES: Final = {columns.POINT: columns.F1}
_NAMES: Final = {
    columns.KAPPA: "Cohen's κ",
    columns.ALPHA: "Krippendorff's α",
    columns.F1: "F1 of matched points",
    columns.DICE: "Dice of localisations",
}
_ALL: Final = "all classes"
_CELL_MM: Final = 9.0
_LINE_MM: Final = 5.5
_LEAST_MM: Final = 30.0
_AROUND_MM: Final = 22.0
_MOST_WRITTEN: Final = 12
_LONGEST_NAME: Final = 18


@house_style()
def agreement_figure(agreement: AnnotatorAgreement) -> Figure:
    """Draw, for all that was compared, a matrix of the pairs of annotators and a line for each class.

    Args:
        agreement: The comparison.

    Returns:
        The figure, as wide as a page.

    Raises:
        DataError: Nothing was compared.
    """
    levels = [level for level in columns.LEVELS if level in set(agreement.table[columns.LEVEL])]
    if not levels:
        raise DataError("expected something that two annotators made statements of; found nothing to draw")
    tables = [agreement.table.filter(pl.col(columns.LEVEL) == level) for level in levels]
    matrix = max(_LEAST_MM, _CELL_MM * min(len(agreement.annotators), _MOST_WRITTEN))
    heights = [max(matrix, _LINE_MM * (rows[columns.CLASS].n_unique() + 1)) + _AROUND_MM for rows in tables]
    figure = new_figure(PAGE_MM, sum(heights))
    panels = figure.subplots(len(levels), 2, squeeze=False, width_ratios=[1.0, 1.35], height_ratios=heights)
    for level, rows, (left, right) in zip(levels, tables, panels, strict=True):
        _draw_pairs(left, rows, _OF_PAIRS.get(level, columns.DICE), agreement.annotators)
        measure = _OF_CLASSES.get(level, columns.ALPHA)
        _draw_classes(right, rows, measure, agreement.class_names)
        two, one = agreement.compared[level]
        alone = f", {one} of one alone not counted" if one else ""
        left.set_title(_TITLES[level], pad=14.0)
        words = f"{two} FOV{'s' if two != 1 else ''} of two or more annotators{alone}"
        left.annotate(
            words,
            (0, 1),
            xytext=(0, 4),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=SMALL_POINTS,
            color=DARK_GREY,
        )
    return figure


def _draw_pairs(axes: Axes, rows: pl.DataFrame, measure: str, names: tuple[str, ...]) -> None:
    """Draw the values of all pairs, of all classes together; below 0 as 0."""
    own = rows.filter(
        (pl.col(columns.MEASURE) == measure) & pl.col(columns.CLASS).is_null() & pl.col(columns.FIRST).is_not_null()
    )
    values = np.full((len(names), len(names)), np.nan)
    for first, second, value in own.select(columns.FIRST, columns.SECOND, columns.ESTIMATE).iter_rows():
        if value is not None:
            one, other = names.index(first), names.index(second)
            values[one, other] = values[other, one] = value
    axes.set_facecolor(PALE_GREY)
    image = axes.imshow(values, cmap="Blues", vmin=0.0, vmax=1.0)
    if len(names) <= _MOST_WRITTEN:
        for one, other in np.argwhere(np.isfinite(values)).tolist():
            value = values[one, other]
            colour = "white" if value > 0.6 else "black"
            axes.text(other, one, f"{value:.2f}", ha="center", va="center", fontsize=SMALL_POINTS, color=colour)
    places = range(len(names))
    short = [_shortened(name) for name in names]
    axes.set_xticks(places, short, rotation=30, ha="right", rotation_mode="anchor", parse_math=False)
    axes.set_yticks(places, short, parse_math=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.8, aspect=22, label=_NAMES[measure])
    bar.outline.set_visible(False)


def _draw_classes(axes: Axes, rows: pl.DataFrame, measure: str, class_names: tuple[str, ...]) -> None:
    """Draw the value of all annotators together for all classes and for each, with its interval."""
    own = rows.filter((pl.col(columns.MEASURE) == measure) & pl.col(columns.FIRST).is_null())
    by_class = {row[columns.CLASS]: row for row in own.to_dicts()}
    lines = [None, *(name for name in class_names if name in by_class)]
    lowest = min([0.0, *(own[columns.LOW].drop_nulls()), *(own[columns.ESTIMATE].drop_nulls())])
    for place, label in enumerate(lines):
        row = by_class[label]
        value, low, high = (row[name] for name in (columns.ESTIMATE, columns.LOW, columns.HIGH))
        colour = VERMILLION if label is None else BLUE
        if value is None:
            axes.text(0.01, place, "no value", va="center", fontsize=SMALL_POINTS, color=GREY)
            continue
        if low is not None:
            axes.plot([low, high], [place, place], color=colour, linewidth=1.6, solid_capstyle="butt")
        axes.plot([value], [place], "o", color=colour, markersize=4.5, markeredgecolor="white", markeredgewidth=0.6)
        axes.annotate(
            f"{value:.2f}",
            (1.0, place),
            xytext=(8, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            fontsize=SMALL_POINTS,
            annotation_clip=False,
        )
    axes.set_xlim(lowest - 0.02, 1.02)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.set_yticks(range(len(lines)), [_shortened(label or _ALL) for label in lines], parse_math=False)
    axes.axvline(0.0, color=GREY, linewidth=0.6, linestyle=":")
    axes.axhline(0.5, color=PALE_GREY, linewidth=0.6)
    axes.tick_params(axis="y", length=0)
    words = "each class against all others" if measure == columns.ALPHA else "all pairs together"
    axes.set_xlabel(f"{_NAMES[measure]} ({words}), 95 % interval")


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
