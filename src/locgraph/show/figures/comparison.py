"""Network, classifiers and controls beside each other: what each reached, fold by fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

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
)

_COLOURS: Final = (BLUE, ORANGE, GREEN, PURPLE)
_ROW_MM: Final = 6.2


@dataclass(frozen=True)
class Method:
    """One bar.

    Attributes:
        name: What it is called.
        kind: What it belongs to: bars of a kind share a colour.
        mean: Length of the bar, 0 to 1.
        low: Lower end of its interval; None where there is none.
        high: Upper end of its interval.
        folds: Value of each fold.
        is_control: Whether it is drawn in grey.
    """

    name: str
    kind: str
    mean: float
    low: float | None
    high: float | None
    folds: tuple[float, ...]
    is_control: bool = False


@house_style()
def comparison_figure(methods: Sequence[Method], metric: str, title: str, chance: float | None = None) -> Figure:
    """Draws one bar for each method, a dot for each fold and the interval of the mean.

    Args:
        methods: From top to bottom.
        metric: What the values are, for the axis.
        title: Stands above.
        chance: What guessing gets, drawn as a line; None draws none.

    Returns:
        The figure, one column wide.

    Raises:
        DataError: There is no method.
    """
    if not methods:
        raise DataError("expected at least one method to compare, found none")
    kinds = list(dict.fromkeys(method.kind for method in methods))
    colours = _kind_colours(methods)
    places = _places(methods)
    figure = new_figure(COLUMN_MM, 26.0 + _ROW_MM * (max(places) + 1))
    axes = figure.add_subplot()
    for place, method in zip(places, methods, strict=True):
        _draw(axes, place, method, colours[method.kind])
    if chance is not None:
        axes.axvline(chance, color=DARK_GREY, linewidth=0.7, linestyle=(0, (3, 2)), zorder=2)
    axes.set_yticks(places, [method.name.replace("_", " ") for method in methods])
    axes.set_ylim(max(places) + 0.6, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlim(0.0, 1.0)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.grid(axis="x", color=PALE_GREY, linewidth=0.4)
    axes.set_axisbelow(True)
    line = "; dashed: chance" if chance is not None else ""
    axes.set_xlabel(f"{metric.replace('_', ' ')}\n(dots: folds; lines: mean, 95 % interval{line})")
    figure.suptitle(title, x=0.01, ha="left")
    patches = [Patch(facecolor=colours[kind], alpha=0.45, label=kind) for kind in kinds]
    figure.legend(handles=patches, loc="outside lower left", ncols=2, handlelength=1.0, columnspacing=1.2)
    return figure


def _kind_colours(methods: Sequence[Method]) -> dict[str, str]:
    found: dict[str, str] = {}
    for method in methods:
        if method.is_control:
            found[method.kind] = DARK_GREY
        elif method.kind not in found:
            found[method.kind] = _COLOURS[len([name for name in found.values() if name != DARK_GREY]) % len(_COLOURS)]
    return found


def _places(methods: Sequence[Method]) -> list[float]:
    """Height of each bar, with a gap between kinds."""
    places, at = [], 0.0
    for place, method in enumerate(methods):
        at += 0.5 if place and method.kind != methods[place - 1].kind else 0.0
        places.append(at)
        at += 1.0
    return places


def _draw(axes: Axes, place: float, method: Method, colour: str) -> None:
    axes.barh(place, method.mean, height=0.66, color=colour, alpha=0.4, linewidth=0)
    spread = np.linspace(-0.17, 0.17, len(method.folds)) if len(method.folds) > 1 else np.zeros(len(method.folds))
    axes.scatter(method.folds, place + spread, s=6, color=colour, linewidths=0, clip_on=False, zorder=3)
    if method.low is not None and method.high is not None:
        axes.plot([method.low, method.high], [place, place], color=BLACK, linewidth=0.9, zorder=4)
    axes.plot([method.mean, method.mean], [place - 0.33, place + 0.33], color=BLACK, linewidth=1.4, zorder=4)
    axes.annotate(
        f"{method.mean:.3f}",
        (1.0, place),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        fontsize=SMALL_POINTS,
        annotation_clip=False,
    )
