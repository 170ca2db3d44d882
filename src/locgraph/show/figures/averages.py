"""Averages of the objects of each class, beside single objects in the same frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm, to_rgba_array
from matplotlib.figure import Figure

from locgraph import schema
from locgraph.analysis.averages import columns
from locgraph.analysis.averages.average import Average
from locgraph.analysis.averages.classes import Averages
from locgraph.errors import DataError
from locgraph.show.figures.fov import draw_points
from locgraph.show.figures.style import (
    BLUE,
    PAGE_MM,
    SMALL_POINTS,
    blank,
    draw_scale_bar,
    house_style,
    new_figure,
)
from locgraph.show.figures.thumbnail import DENSITY_COLOURS

_SINGLES: Final = 3
_PANEL_MM: Final = 36.0
_TALLER: Final = 1.22
_GAMMA: Final = 0.6
_BRIGHTEST: Final = 0.999


@house_style()
def averages_figure(averages: Averages) -> Figure:
    """Draw a row for each class: its average by each method, and objects as they lie in the last one.

    All panels of a row have one scale. The objects are the one that agrees best with the others, one of median score
    and the one that agrees least. As in a camera image, y points downwards; averages in 3D are seen along z.

    Args:
        averages: Of at least one class.

    Returns:
        The figure, at most as wide as a page.

    Raises:
        DataError: There is no average.
    """
    if not averages.averages:
        raise DataError("expected the average of at least one class to draw, found none")
    methods = list(next(iter(averages.averages.values())))
    n_columns = len(methods) + _SINGLES
    width = min(PAGE_MM / n_columns, _PANEL_MM)
    figure = new_figure(width * n_columns, width * (_TALLER + 0.12) * len(averages.averages) + 4.0)
    rows = figure.subplots(len(averages.averages), n_columns, squeeze=False)
    for panels, (name, each) in zip(rows, averages.averages.items(), strict=True):
        _draw_class(panels, name, each)
    return figure


def _draw_class(panels: np.ndarray, name: str, each: Mapping[str, Average]) -> None:
    for axes in panels:
        blank(axes)
    half = max(-average.density.low_nm for average in each.values())
    for axes, average in zip(panels, each.values(), strict=False):
        _draw_density(axes, average)
        _frame(axes, half)
        axes.set_title(f"{name}: {average.method}", loc="left", fontsize=SMALL_POINTS + 1, parse_math=False)
        _write(axes, _words(average))
    shown = list(each.values())[-1]
    for axes, row in zip(panels[len(each) :], _examples(shown.objects), strict=False):
        places = shown.positions.filter(pl.col(schema.OBJECT) == row[schema.OBJECT])
        points = places.select(schema.X, schema.Y).to_numpy()
        draw_points(axes, points, np.repeat(to_rgba_array(BLUE), len(points), axis=0), 0.6)
        _frame(axes, half)
        score = row[schema.SCORE]
        unlike = ", outlier" if row[columns.OUTLIER] else ""
        _write(axes, row[schema.OBJECT][-18:] + ("" if score is None else f"\nscore {score:.2f}{unlike}"))


def _draw_density(axes: Axes, average: Average) -> None:
    density = average.density
    side = density.values.shape[0] * density.pixel_nm
    corners = (density.low_nm, density.low_nm + side, density.low_nm + side, density.low_nm)
    positive = density.values[density.values > 0]
    brightest = float(np.quantile(positive, _BRIGHTEST)) if positive.size else 1.0
    norm = PowerNorm(_GAMMA, vmin=0.0, vmax=brightest, clip=True)
    axes.imshow(density.values, cmap=DENSITY_COLOURS, norm=norm, extent=corners, origin="upper")


def _frame(axes: Axes, half: float) -> None:
    """Show a square about the origin, with room below for a bar and words."""
    axes.set_xlim(-half, half)
    axes.set_ylim(half * (2 * _TALLER - 1), -half)
    draw_scale_bar(axes, half, half * 1.04, 2 * half)


def _write(axes: Axes, words: str) -> None:
    axes.text(
        *(0.0, 0.0, words),
        transform=axes.transAxes,
        fontsize=SMALL_POINTS - 1,
        ha="left",
        va="bottom",
        parse_math=False,
    )


def _words(average: Average) -> str:
    resolution = None if average.halves is None else average.halves.resolution_nm()
    parts = [f"{average.objects.height} objects"]
    if average.order > 1:
        parts.append(f"C{average.order}")
    return ", ".join(parts) + ("" if resolution is None else f"\nFRC {resolution:.1f} nm")


def _examples(objects: pl.DataFrame) -> list[dict]:
    """Return the rows of the best, a median and the worst object, fewer where there are fewer."""
    ranked = objects.sort(schema.SCORE, descending=True, nulls_last=True).to_dicts()
    places = dict.fromkeys([0, (len(ranked) - 1) // 2, len(ranked) - 1])
    return [ranked[place] for place in places]
