"""Fields of view (FOVs) as points in the plane, each in the colour and symbol of its class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from locgraph.errors import DataError
from locgraph.show.figures.class_marks import class_marks
from locgraph.show.figures.style import COLUMN_MM, GREY, PAGE_MM, house_style, new_figure

NO_CLASS: Final = "no class"
_MOST_COLUMNS: Final = 3


@dataclass(frozen=True)
class ScatterPanel:
    """One map.

    Attributes:
        title: Stands above.
        points: (N, 2) float64.
        labels: Class of each point, None where unknown.
        axes: What is shown to the right and upwards.
        has_scale: Whether the numbers along the axes mean something.
    """

    title: str
    points: np.ndarray
    labels: Sequence[str | None]
    axes: tuple[str, str]
    has_scale: bool = True


@house_style()
def scatter_figure(panels: Sequence[ScatterPanel], class_names: Sequence[str], title: str) -> Figure:
    """Draws a panel for each map, and one legend.

    Args:
        panels: The maps.
        class_names: The classes, in the order of the legend.
        title: Stands above.

    Returns:
        The figure, one column wide; as wide as a page with several panels.

    Raises:
        DataError: There is no panel, a panel's points and labels do not fit, or a label is no class.
    """
    _check(panels, class_names)
    n_columns = min(len(panels), _MOST_COLUMNS)
    n_rows = -(-len(panels) // n_columns)
    width = COLUMN_MM if n_columns == 1 else PAGE_MM
    figure = new_figure(width, 18.0 + 0.82 * width / n_columns * n_rows)
    figure.suptitle(title, x=0.01, ha="left")
    grid = figure.subplots(n_rows, n_columns, squeeze=False)
    for axes, panel in zip(grid.flat, panels, strict=False):
        _draw(axes, panel, class_names)
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    handles = [
        Line2D([], [], linestyle="", marker=mark.symbol, color=mark.colour, markersize=3.5, label=name)
        for name, mark in class_marks(class_names).items()
    ]
    if any(label is None for panel in panels for label in panel.labels):
        handles.append(Line2D([], [], linestyle="", marker=".", color=GREY, markersize=3.5, label=NO_CLASS))
    longest = max([len(name) for name in class_names] or [1])
    per_row = int(np.clip(width / (8.0 + 1.5 * longest), 1, max(len(handles), 1)))
    figure.legend(handles=handles, loc="outside lower left", ncols=per_row, handletextpad=0.1, columnspacing=1.0)
    return figure


def _draw(axes: Axes, panel: ScatterPanel, class_names: Sequence[str]) -> None:
    labels = np.array([label if label is not None else "" for label in panel.labels], dtype=str)
    without = np.array([label is None for label in panel.labels], dtype=bool)
    size = float(np.clip(2500.0 / max(len(labels), 1), 1.5, 12.0))
    x, y = panel.points.T
    axes.scatter(x[without], y[without], s=size / 2, color=GREY, linewidths=0)
    for name, mark in class_marks(class_names).items():
        chosen = (labels == name) & ~without
        axes.scatter(
            x[chosen],
            y[chosen],
            s=size,
            color=mark.colour,
            marker=mark.symbol,
            linewidths=0.2,
            edgecolors="white",
            alpha=0.9,
        )
    axes.set_xlabel(panel.axes[0])
    axes.set_ylabel(panel.axes[1])
    axes.set_title(panel.title)
    axes.margins(0.06)
    if not panel.has_scale:
        axes.set_xticks([])
        axes.set_yticks([])


def _check(panels: Sequence[ScatterPanel], class_names: Sequence[str]) -> None:
    if not panels:
        raise DataError("expected at least one map to draw, found none")
    for panel in panels:
        if panel.points.shape != (len(panel.labels), 2):
            raise DataError(f"expected a point for each of {len(panel.labels)} labels, found {panel.points.shape}")
        strange = sorted({label for label in panel.labels if label is not None} - set(class_names))
        if strange:
            raise DataError(f"expected labels of the classes {list(class_names)}, found {strange}")
