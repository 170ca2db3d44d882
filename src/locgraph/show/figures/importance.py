"""Which features a classifier needs, as bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from locgraph.errors import DataError
from locgraph.show.figures.style import BLACK, BLUE, COLUMN_MM, PALE_GREY, house_style, new_figure

_PALE_BLUE = "#A6CDE6"
_ROW_MM = 5.2


@dataclass(frozen=True)
class Needed:
    """One feature.

    Attributes:
        name: What it is called.
        mean: Loss of balanced accuracy without it, mean over folds.
        low: Lower end of the interval of the mean; None where there is none.
        high: Upper end.
        folds: The loss in each fold.
    """

    name: str
    mean: float
    low: float | None
    high: float | None
    folds: tuple[float, ...]


@house_style()
def importance_figure(features: Sequence[Needed], title: str) -> Figure:
    """Draws a bar for each feature, a dot for each fold and the interval of the mean.

    Args:
        features: From top to bottom.
        title: Stands above.

    Returns:
        The figure, one column wide.

    Raises:
        DataError: There is no feature.
    """
    if not features:
        raise DataError("expected at least one feature to draw, found none")
    figure = new_figure(COLUMN_MM, 22.0 + _ROW_MM * len(features))
    axes = figure.add_subplot()
    for place, feature in enumerate(features):
        axes.barh(place, feature.mean, height=0.66, color=_PALE_BLUE, linewidth=0)
        n_folds = len(feature.folds)
        spread = np.linspace(-0.17, 0.17, n_folds) if n_folds > 1 else np.zeros(n_folds)
        axes.scatter(feature.folds, place + spread, s=5, color=BLUE, linewidths=0, zorder=3)
        if feature.low is not None and feature.high is not None:
            axes.plot([feature.low, feature.high], [place, place], color=BLACK, linewidth=0.9, zorder=4)
    axes.axvline(0.0, color=BLACK, linewidth=0.6)
    axes.set_yticks(range(len(features)), [feature.name.replace("_", " ") for feature in features])
    axes.set_ylim(len(features) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=PALE_GREY, linewidth=0.4)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel("loss of balanced accuracy when shuffled\n(dots: folds; lines: 95 % interval of the mean)")
    figure.suptitle(title, x=0.01, ha="left")
    return figure
