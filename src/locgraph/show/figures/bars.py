"""Bars with a dot for each fold and an interval: a model beside its controls, methods, importance of features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from locgraph.errors import DataError
from locgraph.show.figures.style import (
    BLACK,
    BLUE,
    COLUMN_MM,
    DARK_GREY,
    GREEN,
    ORANGE,
    PALE_GREY,
    PURPLE,
    SMALL_POINTS,
    house_style,
    new_figure,
    write_title,
)

_PALE_BLUE: Final = "#A6CDE6"
_KIND_COLOURS: Final = (BLUE, ORANGE, GREEN, PURPLE)


@dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes:
        name: Its label.
        mean: Length of the bar.
        low: Lower end of the interval of the mean; None where there is none.
        high: Upper end of the interval.
        folds: Value of each fold.
        kind: Bars of a kind share a colour in a comparison.
        is_control: Whether it is drawn in grey.
    """

    name: str
    mean: float
    low: float | None
    high: float | None
    folds: Sequence[float]
    kind: str = ""
    is_control: bool = False


@house_style()
def sweep_figure(
    folds: Mapping[str, Mapping[int, float]],
    intervals: Mapping[str, tuple[float, float | None, float | None]],
    metric: str,
    title: str,
) -> Figure:
    """Draw one metric of the folds of a sweep: one bar for each method, a dot for each fold, the interval of the mean.

    Args:
        folds: Method -> fold -> value between 0 and 1; the first method is the model, drawn in colour.
        intervals: Method -> mean, lower and upper end of its interval (None where there is none).
        metric: Name of the metric, for the axis.
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
        bar = Bar(method, *intervals[method], list(folds[method].values()))
        is_model = place == 0
        axes.barh(place, bar.mean, height=0.62, color=_PALE_BLUE if is_model else PALE_GREY)
        _draw_folds(axes, place, bar, BLUE if is_model else DARK_GREY, size=7)
        _write_mean(axes, place, bar.mean, half=0.31, fontweight="bold" if is_model else "normal")
    _name_bars(axes, range(len(folds)), list(folds))
    axes.invert_yaxis()
    _scale_to_one(axes)
    axes.set_xlabel(f"{metric.replace('_', ' ')} (dots: folds; lines: mean, 95 % interval)")
    axes.set_title(title)
    return figure


@house_style()
def comparison_figure(bars: Sequence[Bar], metric: str, title: str, chance: float | None = None) -> Figure:
    """Draw network, classifiers and controls: one bar for each, a dot for each fold, the interval of the mean.

    Args:
        bars: From top to bottom, with values between 0 and 1.
        metric: Name of the metric, for the axis.
        title: Stands above.
        chance: Score of guessing, drawn as a line; None draws none.

    Returns:
        The figure, one column wide.

    Raises:
        DataError: There is no bar.
    """
    if not bars:
        raise DataError("expected at least one method to compare, found none")
    colours = _kind_colours(bars)
    places = _spaced_places(bars)
    figure = new_figure(COLUMN_MM, 26.0 + 6.2 * (max(places) + 1))
    axes = figure.add_subplot()
    for place, bar in zip(places, bars, strict=True):
        colour = colours[bar.kind]
        axes.barh(place, bar.mean, height=0.66, color=colour, alpha=0.4, linewidth=0)
        _draw_folds(axes, place, bar, colour, size=6)
        _write_mean(axes, place, bar.mean, half=0.33)
    if chance is not None:
        axes.axvline(chance, color=DARK_GREY, linewidth=0.7, linestyle=(0, (3, 2)), zorder=2)
    _name_bars(axes, places, [bar.name for bar in bars])
    axes.set_ylim(max(places) + 0.6, -0.6)
    _scale_to_one(axes)
    line = "; dashed: chance" if chance is not None else ""
    dots = "dots: folds; " if any(bar.folds for bar in bars) else ""
    axes.set_xlabel(f"{metric.replace('_', ' ')}\n({dots}lines: mean, 95 % interval{line})")
    write_title(figure, title)
    patches = [Patch(facecolor=colour, alpha=0.45, label=kind) for kind, colour in colours.items()]
    figure.legend(handles=patches, loc="outside lower left", ncols=2, handlelength=1.0, columnspacing=1.2)
    return figure


@house_style()
def importance_figure(features: Sequence[Bar], title: str) -> Figure:
    """Draw the importance of features for a classifier: the loss of balanced accuracy without each of them.

    Args:
        features: From top to bottom; the values are losses.
        title: Stands above.

    Returns:
        The figure, one column wide.

    Raises:
        DataError: There is no feature.
    """
    if not features:
        raise DataError("expected at least one feature to draw, found none")
    figure = new_figure(COLUMN_MM, 22.0 + 5.2 * len(features))
    axes = figure.add_subplot()
    for place, bar in enumerate(features):
        axes.barh(place, bar.mean, height=0.66, color=_PALE_BLUE, linewidth=0)
        _draw_folds(axes, place, bar, BLUE, size=5, clip_on=True)
    axes.axvline(0.0, color=BLACK, linewidth=0.6)
    _name_bars(axes, range(len(features)), [bar.name for bar in features])
    axes.set_ylim(len(features) - 0.4, -0.6)
    axes.grid(axis="x", color=PALE_GREY, linewidth=0.4)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel("loss of balanced accuracy when shuffled\n(dots: folds; lines: 95 % interval of the mean)")
    write_title(figure, title)
    return figure


def _draw_folds(axes: Axes, place: float, bar: Bar, colour: str, size: float, clip_on: bool = False) -> None:
    """Draw a dot for each fold, one above the other, and the interval."""
    offsets = np.linspace(-0.17, 0.17, len(bar.folds)) if len(bar.folds) > 1 else np.zeros(len(bar.folds))
    axes.scatter(bar.folds, place + offsets, s=size, color=colour, linewidths=0, clip_on=clip_on, zorder=3)
    if bar.low is not None and bar.high is not None:
        axes.plot([bar.low, bar.high], [place, place], color=BLACK, linewidth=0.9, zorder=4)


def _write_mean(axes: Axes, place: float, mean: float, half: float, fontweight: str = "normal") -> None:
    """Draw a line at the mean and write it to the right of the panel."""
    axes.plot([mean, mean], [place - half, place + half], color=BLACK, linewidth=1.4, zorder=4)
    axes.annotate(
        f"{mean:.3f}",
        (1.0, place),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        fontsize=SMALL_POINTS,
        fontweight=fontweight,
        annotation_clip=False,
    )


def _name_bars(axes: Axes, places: Sequence[float], names: Sequence[str]) -> None:
    axes.set_yticks(places, [name.replace("_", " ") for name in names])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _scale_to_one(axes: Axes) -> None:
    axes.set_xlim(0.0, 1.0)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.grid(axis="x", color=PALE_GREY, linewidth=0.4)
    axes.set_axisbelow(True)


def _kind_colours(bars: Sequence[Bar]) -> dict[str, str]:
    """Return a colour for each kind, in the order of the bars; grey is that of controls."""
    colours: dict[str, str] = {}
    for bar in bars:
        if bar.is_control:
            colours[bar.kind] = DARK_GREY
        elif bar.kind not in colours:
            n_used = sum(colour != DARK_GREY for colour in colours.values())
            colours[bar.kind] = _KIND_COLOURS[n_used % len(_KIND_COLOURS)]
    return colours


def _spaced_places(bars: Sequence[Bar]) -> list[float]:
    """Return the height of each bar, with a gap between kinds."""
    places, height = [], 0.0
    for place, bar in enumerate(bars):
        height += 0.5 if place and bar.kind != bars[place - 1].kind else 0.0
        places.append(height)
        height += 1.0
    return places
