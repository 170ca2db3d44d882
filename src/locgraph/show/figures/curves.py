"""How training went: loss and accuracy over the epochs."""

from __future__ import annotations

from typing import Final

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from locgraph.errors import DataError
from locgraph.show.figures.style import BLUE, COLUMN_MM, GREY, SMALL_POINTS, VERMILLION, house_style, new_figure

_EPOCH: Final = "epoch"
_PARTS: Final = {"train": ("training", BLUE), "val": ("validation", VERMILLION)}


@house_style()
def loss_curves(metrics: pl.DataFrame) -> Figure:
    """Draws the losses of training and validation, and the accuracies where they were logged.

    Args:
        metrics: As Lightning's CSV logger writes it: ``epoch``, ``step``, ``train/loss``, ``val/loss``,
            ``train/accuracy``, ``val/accuracy``, with nulls where a row holds another part. Rows of one epoch are
            averaged.

    Returns:
        The figure, one column wide; the epoch of the lowest validation loss is marked.

    Raises:
        DataError: There is no ``epoch``, or no value of a loss.
    """
    losses, accuracies = (_found(metrics, name) for name in ("loss", "accuracy"))
    if _EPOCH not in metrics.columns or not losses:
        raise DataError(
            f"expected columns epoch and train/loss or val/loss with values, found {metrics.columns}: see logger"
        )
    epochs = metrics.group_by(_EPOCH).agg(pl.col([*losses, *accuracies]).mean()).sort(_EPOCH)
    figure = new_figure(COLUMN_MM, 80.0 if accuracies else 52.0)
    panels = figure.subplots(2 if accuracies else 1, 1, sharex=True, squeeze=False)[:, 0]
    _draw(panels[0], epochs, losses, "loss")
    panels[0].set_ylim(bottom=0.0)
    _mark_lowest(panels[0], epochs)
    panels[0].legend(loc="upper right")
    if accuracies:
        _draw(panels[1], epochs, accuracies, "accuracy")
        panels[1].set_ylim(0.0, 1.02)
    panels[-1].set_xlabel(_EPOCH)
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def _found(metrics: pl.DataFrame, name: str) -> list[str]:
    columns = [f"{part}/{name}" for part in _PARTS]
    return [column for column in columns if column in metrics.columns and metrics[column].is_finite().any()]


def _draw(axes: Axes, epochs: pl.DataFrame, columns: list[str], label: str) -> None:
    for column in columns:
        words, colour = _PARTS[column.split("/")[0]]
        drawn = epochs.filter(pl.col(column).is_finite())
        # A lone epoch would draw no line at all.
        marker = "o" if drawn.height == 1 else None
        axes.plot(drawn[_EPOCH], drawn[column], color=colour, label=words, marker=marker, markersize=3)
    axes.set_ylabel(label)


def _mark_lowest(axes: Axes, epochs: pl.DataFrame) -> None:
    column = "val/loss"
    if column not in epochs.columns:
        return
    lowest = epochs.filter(pl.col(column).is_finite()).sort(column, _EPOCH).row(0, named=True)
    axes.axvline(lowest[_EPOCH], color=GREY, linewidth=0.6, linestyle=(0, (3, 3)), zorder=0)
    axes.plot(lowest[_EPOCH], lowest[column], "o", color=VERMILLION, markersize=3.5)
    words = f"lowest validation loss {lowest[column]:.3g} at epoch {lowest[_EPOCH]}"
    axes.set_title(words, loc="right", fontsize=SMALL_POINTS, fontweight="normal", color=VERMILLION)
