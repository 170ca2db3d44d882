"""The figure of a comparison: methods by rank, those that are not told apart joined, and differences with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from locgraph.analysis.sweeps.comparison import LEVEL, Comparison
from locgraph.analysis.sweeps.summary_text import p_words
from locgraph.run_folder import COMPARISON_PICTURE
from locgraph.show.figures.style import (
    BLACK,
    BLUE,
    DARK_GREY,
    GREY,
    PAGE_MM,
    PALE_GREY,
    SMALL_POINTS,
    TEXT_POINTS,
    house_style,
    new_figure,
    save_figure,
)

_MOST_PAIRS: Final = 24
_PALE_BLUE: Final = "#DCEBF5"
_LONGEST_NAME: Final = 44


def draw_comparison(comparison: Comparison, folder: Path) -> Path:
    """Draw a comparison into a folder, as ``comparison.png``."""
    path = folder / COMPARISON_PICTURE
    save_figure(comparison_picture(comparison), path)
    return path


@house_style()
def comparison_picture(comparison: Comparison) -> Figure:
    """Draw the differences of all pairs, and above them, where every pair of at least three was compared, the ranks.

    The ranks are drawn as in the critical-difference diagram of Demsar (2006, JMLR 7:1). A bar joins methods of which
    no pair is told apart by its own tests, after Holm's correction: the critical difference there is one for
    independent data sets, which folds of one data set are not.

    Args:
        comparison: The comparison.

    Returns:
        The figure, as wide as a page.
    """
    rows = comparison.table.to_dicts()
    shown = sorted(rows, key=lambda row: abs(row["difference"]))[:_MOST_PAIRS]
    shown = [row for row in rows if row in shown]
    n_methods = comparison.scores.height
    ranked = comparison.all_pairs and n_methods > 2 and not comparison.scores["rank"].has_nulls()
    heights = [22.0 + 5.5 * ((n_methods + 1) // 2) + 2.4 * len(comparison.alike())] if ranked else []
    heights.append(22.0 + 6.5 * len(shown))
    figure = new_figure(PAGE_MM, sum(heights))
    panels = figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    if ranked:
        _draw_ranks(panels[0], comparison)
    _draw_differences(panels[-1], shown, _differences_by_fold(comparison, shown), comparison)
    if len(shown) < len(rows):
        panels[-1].set_title(f"differences in {_words(comparison.metric)}, the {len(shown)} smallest of {len(rows)}")
    return figure


def _draw_ranks(axes: Axes, comparison: Comparison) -> None:
    """Draw an axis of mean ranks, the best at the left, a line to the name of each method, and bars that join some."""
    table = comparison.scores.sort("rank", maintain_order=True).to_dicts()
    n = len(table)
    bars = comparison.alike()
    places = {row["method"]: row["rank"] for row in table}
    left = (n + 1) // 2
    step, first = 1.0, 1.2 + 0.45 * len(bars)
    margin = 0.12 * (n - 1)
    for place, row in enumerate(table):
        on_left = place < left
        depth = first + step * (place if on_left else n - 1 - place)
        end = 1 - margin if on_left else n + margin
        axes.plot([row["rank"], row["rank"], end], [0, depth, depth], color=GREY, linewidth=0.7, clip_on=False)
        axes.annotate(
            f"{_short(row['method'])}  {row['mean']:.3f}",
            (end, depth),
            xytext=(-3 if on_left else 3, 0),
            textcoords="offset points",
            ha="right" if on_left else "left",
            va="center",
            fontsize=TEXT_POINTS,
            annotation_clip=False,
        )
    for place, names in enumerate(bars):
        ends = [min(places[name] for name in names) - 0.02 * n, max(places[name] for name in names) + 0.02 * n]
        axes.plot(ends, [0.55 + 0.45 * place] * 2, color=BLACK, linewidth=2.6, solid_capstyle="butt", clip_on=False)
    axes.set_xlim(1 - 0.25 * (n - 1), n + 0.25 * (n - 1))
    axes.set_ylim(first + step * max(left - 1, 0) + 0.6, 0)
    axes.xaxis.set_label_position("bottom")
    axes.xaxis.tick_top()
    axes.set_xticks(range(1, n + 1))
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.spines["top"].set_visible(True)
    axes.spines["top"].set_bounds(1, n)
    axes.set_yticks([])
    axes.set_title(f"mean rank over folds (1 is best), with mean {_words(comparison.metric)}", pad=6)
    apart = "bars join methods that are not told apart" if bars else "every pair is told apart"
    axes.set_xlabel(f"{apart} (p after Holm's correction, level {LEVEL:g})")


def _draw_differences(
    axes: Axes, rows: Sequence[Mapping[str, Any]], by_fold: Sequence[Sequence[float]], comparison: Comparison
) -> None:
    """Draw one row for each pair: a dot for each fold, the mean with its interval, p at the right."""
    if comparison.rope > 0:
        axes.axvspan(-comparison.rope, comparison.rope, color=_PALE_BLUE, linewidth=0)
    axes.axvline(0.0, color=DARK_GREY, linewidth=0.6)
    for place, (row, folds) in enumerate(zip(rows, by_fold, strict=True)):
        offsets = np.linspace(-0.2, 0.2, len(folds)) if len(folds) > 1 else np.zeros(len(folds))
        axes.scatter(folds, place + offsets, s=6, color=GREY, linewidths=0, zorder=3)
        if row["interval_low"] is not None:
            axes.plot([row["interval_low"], row["interval_high"]], [place] * 2, color=BLUE, linewidth=1.2, zorder=4)
        axes.plot([row["difference"]] * 2, [place - 0.3, place + 0.3], color=BLUE, linewidth=1.8, zorder=5)
        axes.annotate(
            _side_words(row),
            (1.0, place),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL_POINTS,
            annotation_clip=False,
        )
    axes.set_yticks(range(len(rows)), [f"{_short(row['first'])} − {_short(row['second'])}" for row in rows])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.xaxis.set_major_locator(MaxNLocator(7))
    axes.grid(axis="x", color=PALE_GREY, linewidth=0.4)
    axes.set_axisbelow(True)
    shaded = f"; shaded: practically alike, ±{comparison.rope:g}" if comparison.rope > 0 else ""
    axes.set_xlabel(f"difference (dots: folds; lines: mean, 95 % interval{shaded}; right: mean, p after Holm)")
    axes.set_title(f"differences in {_words(comparison.metric)}")


def _differences_by_fold(comparison: Comparison, rows: Sequence[Mapping[str, Any]]) -> list[list[float]]:
    """Return the differences of each pair, of the folds that both have."""
    scores = {row["method"]: row for row in comparison.scores.to_dicts()}
    folds = [name for name in comparison.scores.columns if name.startswith("fold_")]
    pairs = [(scores[row["first"]], scores[row["second"]]) for row in rows]
    return [
        [one[fold] - other[fold] for fold in folds if one[fold] is not None and other[fold] is not None]
        for one, other in pairs
    ]


def _side_words(row: Mapping[str, Any]) -> str:
    return f"{row['difference']:+.3f}   {p_words(row['p_holm'])}"


def _words(metric: str) -> str:
    return metric.replace("_", " ")


def _short(name: str) -> str:
    """Return a name with its middle left out where it is long: ends of paths and settings tell more than the middle."""
    words = name.replace("_", " ")
    half = _LONGEST_NAME // 2
    return words if len(words) <= _LONGEST_NAME else f"{words[:half]}…{words[-half:]}"
