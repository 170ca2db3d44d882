"""The figure of a test of chance: accuracies with permuted labels, and with the labels as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.figure import Figure

from locgraph.analysis.checks.chance import NETWORK, PERMUTED
from locgraph.analysis.checks.check import Check
from locgraph.analysis.controls import CONTROL
from locgraph.analysis.sweeps.summary_text import p_words
from locgraph.run_folder import CHANCE
from locgraph.show.figures.style import (
    BLUE,
    COLUMN_MM,
    DARK_GREY,
    GREY,
    PALE_GREY,
    SMALL_POINTS,
    house_style,
    new_figure,
    save_figure,
    write_title,
)
from locgraph.stats.metrics import ACCURACY

_MOST_DOTS: Final = 400


def draw_chance(folder: Path, check: Check) -> None:
    """Draw a test of chance into a folder, beside its table."""
    save_figure(chance_figure(check), (folder / CHANCE).with_suffix(".png"))


@house_style()
def chance_figure(check: Check) -> Figure:
    """Draw one row for each classifier: a dot for each permutation, a line at the accuracy with the true labels.

    Args:
        check: From `locgraph.analysis.checks.chance.measure_chance`.

    Returns:
        The figure, one column wide.
    """
    rows = check.table.to_dicts()
    figure = new_figure(COLUMN_MM, 24.0 + 7.0 * len(rows))
    axes = figure.add_subplot()
    rng = np.random.default_rng(0)
    for place, row in enumerate(rows):
        null = np.array(row[PERMUTED][:_MOST_DOTS])
        axes.scatter(null, place + rng.uniform(-0.28, 0.28, len(null)), s=2, color=GREY, linewidths=0, alpha=0.6)
        colour = BLUE if row[CONTROL] == NETWORK else DARK_GREY
        axes.plot([row[ACCURACY]] * 2, [place - 0.36, place + 0.36], color=colour, linewidth=2.2)
        axes.annotate(
            f"{row[ACCURACY]:.3f}  {p_words(row['p'] if row['p_any'] is None else row['p_any'])}",
            (1.0, place),
            xycoords=("axes fraction", "data"),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL_POINTS,
            annotation_clip=False,
        )
    axes.set_yticks(range(len(rows)), [row[CONTROL].replace("_", " ") for row in rows])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0.0, 1.0)
    axes.grid(axis="x", color=PALE_GREY, linewidth=0.4)
    axes.set_axisbelow(True)
    axes.set_xlabel("accuracy (dots: permuted labels; lines: true labels)")
    write_title(figure, "Above chance?")
    return figure
