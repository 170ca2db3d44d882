"""The sweep as one figure: the model and its controls, fold by fold, with means and intervals."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from locgraph.errors import DataError
from locgraph.show.figures.style import BLUE, COLUMN_MM, DARK_GREY, PALE_GREY, SMALL_POINTS, house_style, new_figure

_PALE_BLUE = "#A6CDE6"


@house_style()
def sweep_figure(
    folds: Mapping[str, Mapping[int, float]],
    intervals: Mapping[str, tuple[float, float | None, float | None]],
    metric: str,
    title: str,
) -> Figure:
    """Draws one bar for each method, a dot for each fold and the interval of the mean.

    Args:
        folds: Method -> fold -> value between 0 and 1; the first method is the model, drawn in colour.
        intervals: Method -> mean, lower and upper end of its interval (None where there is none).
        metric: What the values are, for the axis.
        title: Stands above.

    Returns:
        The figure, one column wide.

    Raises:
        DataError: There is no method, or the two mappings name different ones.
    """
    if not folds or set(folds) != set(intervals):
        raise DataError(
            f"expected values and intervals of the same methods, found {sorted(folds)} and {sorted(intervals)}"
        )
    figure = new_figure(COLUMN_MM, 20.0 + 8.0 * len(folds))
    axes = figure.add_subplot()
    for place, method in enumerate(folds):
        _draw_method(axes, place, list(folds[method].values()), intervals[method], is_model=place == 0)
    axes.set_yticks(range(len(folds)), [method.replace("_", " ") for method in folds])
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlim(0.0, 1.0)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.grid(axis="x", color=PALE_GREY, linewidth=0.4)
    axes.set_axisbelow(True)
    axes.set_xlabel(f"{metric.replace('_', ' ')} (dots: folds; lines: mean, 95 % interval)")
    axes.set_title(title)
    return figure


def _draw_method(
    axes: Axes, place: int, values: list[float], interval: tuple[float, float | None, float | None], is_model: bool
) -> None:
    mean, low, high = interval
    axes.barh(place, mean, height=0.62, color=_PALE_BLUE if is_model else PALE_GREY)
    spread = np.linspace(-0.17, 0.17, len(values)) if len(values) > 1 else np.zeros(len(values))
    colour = BLUE if is_model else DARK_GREY
    axes.scatter(values, place + spread, s=7, color=colour, linewidths=0, clip_on=False, zorder=3)
    if low is not None and high is not None:
        axes.plot([low, high], [place, place], color="black", linewidth=0.9, zorder=4)
    axes.plot([mean, mean], [place - 0.31, place + 0.31], color="black", linewidth=1.4, zorder=4)
    axes.annotate(
        f"{mean:.3f}",
        (1.0, place),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        fontsize=SMALL_POINTS,
        fontweight="bold" if is_model else "normal",
        annotation_clip=False,
    )
