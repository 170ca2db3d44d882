"""The figure of a learning curve: accuracies with intervals, the fitted power law, and the number that is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from locgraph.analysis.checks.check import Check
from locgraph.analysis.checks.learning_curve import N_TRAIN
from locgraph.analysis.sweeps.outcomes import SOURCE
from locgraph.run_folder import LEARNING_CURVE
from locgraph.show.figures.style import (
    BLUE,
    DARK_GREY,
    GREEN,
    GREY,
    ORANGE,
    PAGE_MM,
    PALE_GREY,
    PURPLE,
    SKY_BLUE,
    VERMILLION,
    house_style,
    new_figure,
    save_figure,
)
from locgraph.stats.metrics import ACCURACY

_COLOURS: Final = (BLUE, ORANGE, GREEN, PURPLE, SKY_BLUE, VERMILLION, DARK_GREY, GREY)


def draw_learning_curve(folder: Path, check: Check) -> None:
    """Draw a learning curve into a folder, beside its table."""
    save_figure(learning_curve_figure(check), (folder / LEARNING_CURVE).with_suffix(".png"))


@house_style()
def learning_curve_figure(check: Check) -> Figure:
    """Draw accuracy over the logarithm of the number of training FOVs.

    Args:
        check: From `locgraph.analysis.checks.learning_curve.learning_curve`.

    Returns:
        The figure: dots with intervals; lines, dashed beyond what was measured, for power laws; the band of the first.
    """
    figure = new_figure(PAGE_MM * 0.75, 78.0)
    axes = figure.add_subplot()
    sources = check.table[SOURCE].unique(maintain_order=True).to_list()
    for place, source in enumerate(sources):
        rows = check.table.filter(pl.col(SOURCE) == source)
        measured, colour = rows.filter(pl.col(ACCURACY).is_not_null()), _COLOURS[place % len(_COLOURS)]
        sizes, values = measured[N_TRAIN].to_numpy(), measured[ACCURACY].to_numpy()
        shift = 1 + 0.012 * (place - (len(sources) - 1) / 2)  # intervals beside each other
        ends = [np.abs(measured[name].to_numpy().astype(float) - values) for name in ("interval_low", "interval_high")]
        axes.errorbar(
            sizes * shift,
            values,
            yerr=np.nan_to_num(ends),
            fmt="o",
            markersize=3.2 if place == 0 else 2.4,
            color=colour,
            elinewidth=0.9 if place == 0 else 0.4,
            label=source.replace("_", " "),
        )
        if rows["fit"].null_count():
            continue
        a, b, c = (float(rows[name][0]) for name in "abc")
        for start, end, style in (
            (sizes[0], sizes[-1], "-"),
            (sizes[-1], float(rows[N_TRAIN].to_numpy().max()), (0, (3, 2))),
        ):
            grid = np.geomspace(start, end, 60)
            axes.plot(grid, 1 - np.minimum(a * grid**-b + c, 1), color=colour, linestyle=style, linewidth=0.9)
        if place == 0:
            axes.fill_between(
                rows[N_TRAIN], rows["fit_low"], rows["fit_high"], color=colour, alpha=0.15, linewidth=0, zorder=0
            )
            axes.axhline(rows["target"][0], color=DARK_GREY, linewidth=0.6, linestyle=(0, (1, 2)))
    _scale(axes, check.table[N_TRAIN].unique().sort().to_list(), check.table)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0)
    axes.set_title("accuracy against training FOVs")
    return figure


def _scale(axes: Axes, sizes: list[float], table: pl.DataFrame) -> None:
    measured = table.filter(pl.col(ACCURACY).is_not_null())[N_TRAIN].unique().sort().to_list()
    shown = [measured[0]]
    for size in [*measured[1:], sizes[-1]]:
        if size / shown[-1] > 1.35:
            shown.append(size)
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(shown, [f"{size:.0f}" for size in shown])
    axes.set_ylim(0.0, 1.02)
    axes.grid(color=PALE_GREY, linewidth=0.4)
    axes.set_axisbelow(True)
    axes.set_xlabel("training FOVs, validation included (bars: 95 % interval; dashed: not measured)")
    axes.set_ylabel("accuracy")
