"""The confusion matrix of a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from locgraph.errors import DataError
from locgraph.show.figures.style import COLUMN_MM, PAGE_MM, SMALL_POINTS, house_style, new_figure

_MAX_ANNOTATED: Final = 20
_CELL_MM: Final = 9.0
_LETTER_MM: Final = 1.35


@house_style()
def confusion_figure(matrix: np.ndarray, class_names: Sequence[str], title: str) -> Figure:
    """Draws counts, and in colour the part of each true class that was given each name.

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
    if max(map(len, class_names)) * _LETTER_MM <= cell_mm:
        axes.set_xticks(places, class_names)
    else:
        axes.set_xticks(places, class_names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(places, [f"{name} ({total})" for name, total in zip(class_names, totals, strict=True)])
    axes.set_xlabel("predicted")
    axes.set_ylabel("true (number)")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    # White lines between the cells.
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
