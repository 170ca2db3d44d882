"""Which features rise and fall together: correlations as a heat map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.figure import Figure

from locgraph.errors import DataError
from locgraph.show.figures.style import COLUMN_MM, PAGE_MM, SMALL_POINTS, house_style, new_figure

_CELL_MM: Final = 3.4
_MOST_WRITTEN: Final = 10
_LABEL_MM: Final = 34.0


@house_style()
def correlation_figure(matrix: np.ndarray, names: Sequence[str], title: str) -> Figure:
    """Draws correlations from -1 (blue) over 0 (white) to 1 (red).

    Args:
        matrix: (F, F) float64, correlations.
        names: The F features, in the order of the matrix.
        title: Stands above.

    Returns:
        The figure, one column wide, wider from 13 features on.

    Raises:
        DataError: There is no feature, or the matrix does not fit the names.
    """
    size = len(names)
    if size == 0 or matrix.shape != (size, size):
        raise DataError(f"expected correlations of {size} features, found a matrix of shape {matrix.shape}")
    side = float(np.clip(size * _CELL_MM, 41.0, PAGE_MM - _LABEL_MM - 14.0))
    width = max(COLUMN_MM, side + _LABEL_MM + 14.0)
    figure = new_figure(width, side + _LABEL_MM)
    axes = figure.add_subplot()
    image = axes.imshow(matrix, cmap="RdBu_r", vmin=-1.0, vmax=1.0)
    points = float(np.clip(side / size * 2.0, 3.5, SMALL_POINTS))
    axes.set_xticks(range(size), names, rotation=90, fontsize=points)
    axes.set_yticks(range(size), names, fontsize=points)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if size <= _MOST_WRITTEN:
        for (row, column), value in np.ndenumerate(matrix):
            colour = "white" if abs(value) > 0.6 else "black"
            # no minus before a nought
            text = f"{value:.1f}".replace("-0.0", "0.0")
            axes.text(column, row, text, ha="center", va="center", fontsize=SMALL_POINTS - 1, color=colour)
    bar = figure.colorbar(image, ax=axes, shrink=0.6, aspect=25, ticks=[-1, -0.5, 0, 0.5, 1], label="correlation")
    bar.outline.set_visible(False)
    figure.suptitle(title, x=0.01, ha="left")
    return figure
