"""Figures of runs and sweeps: confusion matrix, training curves, and a gallery of test fields of view (FOVs)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from locgraph import schema
from locgraph.analysis.sweeps.summary import Summary
from locgraph.errors import DataError
from locgraph.io.featextracted import read_fov
from locgraph.run_folder import CONFUSION_PICTURE, CURVES_PICTURE, GALLERY_PICTURE, SUMMARY_PICTURE, RunFolder
from locgraph.show.figures.bars import sweep_figure
from locgraph.show.figures.gallery import Tile, gallery_figure
from locgraph.show.figures.style import (
    BLUE,
    COLUMN_MM,
    GREY,
    PAGE_MM,
    SMALL_POINTS,
    VERMILLION,
    house_style,
    new_figure,
    save_figure,
)

SHOWN_PER_CLASS: Final = 3

_MAX_ANNOTATED: Final = 20
_CELL_MM: Final = 9.0
_LETTER_MM: Final = 1.35
_LINE_MM: Final = 2.6

_EPOCH: Final = "epoch"
_PARTS: Final = {"train": ("training", BLUE), "val": ("validation", VERMILLION)}


def draw_run(folder: Path, metrics: Mapping[str, Any]) -> None:
    """Draw the confusion matrix of the test and the curves of training into a run folder.

    Args:
        folder: Run folder; without a history there are no curves, without a test no matrix.
        metrics: Content of ``metrics.json``.
    """
    if "confusion_matrix" in metrics:
        matrix = np.asarray(metrics["confusion_matrix"])
        title = f"{metrics['experiment']}, fold {metrics['fold']}, test"
        save_figure(confusion_figure(matrix, metrics["class_names"], title), folder / CONFUSION_PICTURE)
    history = RunFolder(folder).history()
    # without training there are scores of the test alone
    if history is not None and _EPOCH in history.columns:
        save_figure(loss_curves(history), folder / CURVES_PICTURE)


def draw_summary(folder: Path, summary: Summary) -> None:
    """Draw the accuracy of every fold of a sweep beside the controls, and the pooled confusion matrix.

    Args:
        folder: Folder of the sweep.
        summary: Its summary, with at least one completed run.
    """
    title = f"{summary.experiment}: {len(summary.expected_folds) - len(summary.missing)} folds"
    bars = sweep_figure(summary.folds(), summary.intervals(), "test accuracy", title)
    save_figure(bars, folder / SUMMARY_PICTURE)
    pooled = confusion_figure(summary.confusion, summary.class_names, f"{title}, pooled")
    save_figure(pooled, folder / CONFUSION_PICTURE)


def draw_gallery(folder: Path, tables: Path, predictions: pl.DataFrame, class_names: Sequence[str]) -> None:
    """Draw some test FOVs of each class into a run folder, with their clusters and predicted classes.

    Args:
        folder: Run folder.
        tables: Featextracted folder.
        predictions: Rows of the test FOVs; of each class the first few names are shown.
        class_names: Classes, in the order of the columns.
    """
    of_class = predictions.sort(schema.FOV_ID).group_by(schema.TRUTH, maintain_order=True)
    tiles = []
    for row in of_class.head(SHOWN_PER_CLASS).to_dicts():
        fov = read_fov(tables, row[schema.FOV_ID])
        locs = fov.locs.filter(pl.col(schema.VIEW) == 0)
        tiles.append(Tile(locs, row[schema.TRUTH], row[schema.PREDICTION]))
    save_figure(gallery_figure(tiles, class_names), folder / GALLERY_PICTURE)


@house_style()
def confusion_figure(matrix: np.ndarray, class_names: Sequence[str], title: str) -> Figure:
    """Draw the confusion matrix: counts, and in colour the fraction of each true class.

    Args:
        matrix: (K, K) counts, rows are true classes, columns predicted ones.
        class_names: The K classes.
        title: Stands above; the overall accuracy is added.

    Returns:
        The figure, one column wide, wider from about seven classes on.

    Raises:
        DataError: The matrix is not square, does not fit the classes, or holds a negative number.
    """
    counts = np.asarray(matrix)
    n_classes = len(class_names)
    if counts.shape != (n_classes, n_classes) or n_classes == 0 or (counts < 0).any():
        raise DataError(
            f"expected counts of shape ({n_classes}, {n_classes}), one for each class, found {counts.shape}"
        )
    totals = counts.sum(axis=1)
    shares = counts / np.maximum(totals, 1)[:, None]
    side = float(np.clip(n_classes * _CELL_MM, 40.0, PAGE_MM - 30.0))
    figure = new_figure(max(COLUMN_MM, side + 30.0), side + 20.0)
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    _name_axes(axes, class_names, totals, cell_mm=side / n_classes)
    if n_classes <= _MAX_ANNOTATED:
        _write_counts(axes, counts, shares)
    bar = figure.colorbar(image, ax=axes, shrink=0.7, aspect=25, label="part of the true class")
    bar.outline.set_visible(False)
    total = int(counts.sum())
    accuracy = f"accuracy {np.trace(counts) / total:.1%} of {total} FOVs" if total else "no FOV"
    axes.set_title(title, loc="left", pad=14.0)
    axes.annotate(
        accuracy, (0, 1), xytext=(0, 5), xycoords="axes fraction", textcoords="offset points", fontsize=SMALL_POINTS
    )
    return figure


def _name_axes(axes: Axes, class_names: Sequence[str], totals: np.ndarray, cell_mm: float) -> None:
    places = np.arange(len(class_names))
    # of many classes every second, third ... is named, so that names do not lie on each other
    named = places[:: math.ceil(_LINE_MM / cell_mm)]
    names = [class_names[place] for place in named]
    if max(map(len, class_names)) * _LETTER_MM <= cell_mm:
        axes.set_xticks(named, names)
    else:
        axes.set_xticks(named, names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(named, [f"{name} ({totals[place]})" for name, place in zip(names, named, strict=True)])
    axes.set_xlabel("predicted")
    axes.set_ylabel("true (number)")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    # white lines between the cells
    axes.set_xticks(places[1:] - 0.5, minor=True)
    axes.set_yticks(places[1:] - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.0)
    axes.tick_params(which="minor", length=0)


def _write_counts(axes: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    for row, column in np.argwhere(counts > 0):
        share = shares[row, column]
        axes.text(
            column,
            row,
            f"{counts[row, column]}",
            ha="center",
            va="center",
            fontsize=SMALL_POINTS,
            color="white" if share > 0.55 else "black",
        )


@house_style()
def loss_curves(metrics: pl.DataFrame) -> Figure:
    """Draw the losses of training and validation, and the accuracies where they were logged.

    Args:
        metrics: As Lightning's CSV logger writes it: ``epoch``, ``step``, ``train/loss``, ``val/loss``,
            ``train/accuracy``, ``val/accuracy``, with nulls where a row holds another part. Rows of one epoch are
            averaged.

    Returns:
        The figure, one column wide; the epoch of the lowest validation loss is marked.

    Raises:
        DataError: There is no ``epoch``, or no value of a loss.
    """
    losses, accuracies = (_known_columns(metrics, name) for name in ("loss", "accuracy"))
    if _EPOCH not in metrics.columns or not losses:
        raise DataError(
            f"expected columns epoch and train/loss or val/loss with values, found {metrics.columns}: see logger"
        )
    epochs = metrics.group_by(_EPOCH).agg(pl.col([*losses, *accuracies]).mean()).sort(_EPOCH)
    figure = new_figure(COLUMN_MM, 80.0 if accuracies else 52.0)
    panels = figure.subplots(2 if accuracies else 1, 1, sharex=True, squeeze=False)[:, 0]
    _draw_curves(panels[0], epochs, losses, "loss")
    panels[0].set_ylim(bottom=0.0)
    _mark_lowest(panels[0], epochs)
    panels[0].legend(loc="upper right")
    if accuracies:
        _draw_curves(panels[1], epochs, accuracies, "accuracy")
        panels[1].set_ylim(0.0, 1.02)
    panels[-1].set_xlabel(_EPOCH)
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def _known_columns(metrics: pl.DataFrame, name: str) -> list[str]:
    columns = [f"{part}/{name}" for part in _PARTS]
    return [column for column in columns if column in metrics.columns and metrics[column].is_finite().any()]


def _draw_curves(axes: Axes, epochs: pl.DataFrame, columns: list[str], label: str) -> None:
    for column in columns:
        words, colour = _PARTS[column.split("/")[0]]
        drawn = epochs.filter(pl.col(column).is_finite())
        # a lone epoch would draw no line at all
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
