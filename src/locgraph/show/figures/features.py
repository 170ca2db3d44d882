"""Features of fields of view (FOVs): their distribution in each class, their correlations, and maps of the FOVs."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from locgraph.errors import ConfigError, DataError
from locgraph.show.figures.style import (
    BLACK,
    COLUMN_MM,
    GREY,
    PAGE_MM,
    SMALL_POINTS,
    Mark,
    class_marks,
    house_style,
    new_figure,
    write_title,
)

BOX: Final = "box"
VIOLIN: Final = "violin"
STYLES: Final = (BOX, VIOLIN)

MOST_DOTS: Final = 150
"""Of a class with more cases a random choice is drawn as dots; the box is that of all."""

NO_CLASS: Final = "no class"

# boxes
_SEED: Final = 0
_PANEL_MM: Final = 41.0
_LETTER_MM: Final = 1.3
_FEWEST_FOR_VIOLIN: Final = 8
_MANY_CLASSES: Final = 8
_LETTERS: Final = 52
_TURNED: Final = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}

# correlations
_CELL_MM: Final = 3.4
_MOST_WRITTEN: Final = 10
_LABEL_MM: Final = 34.0

# maps
_MOST_COLUMNS: Final = 3


@dataclass(frozen=True)
class BoxPanel:
    """One feature.

    Attributes:
        title: Its name with the unit.
        words: Effect and corrected p-value; stand below the title.
        values: Class -> values (n,) float64; a class without values stays empty.
    """

    title: str
    words: str
    values: Mapping[str, np.ndarray]


@house_style()
def boxes_figure(panels: Sequence[BoxPanel], class_names: Sequence[str], title: str, style: str = BOX) -> Figure:
    """Draw the distribution of features in each class, a panel for each feature.

    A box goes from the lower to the upper quartile with a line at the median; whiskers reach the farthest value within
    1.5 times the box. A violin is drawn where a class has at least eight cases.

    Args:
        panels: The features.
        class_names: Classes from left to right.
        title: Stands above.
        style: ``box`` or ``violin``.

    Returns:
        The figure, one column wide.

    Raises:
        DataError: There is no panel, or one has values of other classes.
        ConfigError: The style is another one.
    """
    unknown = sorted({name for panel in panels for name in panel.values} - set(class_names))
    if not panels or unknown:
        raise DataError(f"expected features of the classes {list(class_names)}, found {unknown or 'none'}")
    if style not in STYLES:
        raise ConfigError(f"expected one of {', '.join(STYLES)}, found {style!r}", setting="style")
    n_columns = 1 if len(class_names) > _MANY_CLASSES or len(panels) == 1 else 2
    n_rows = -(-len(panels) // n_columns)
    figure = new_figure(COLUMN_MM, 8.0 + _PANEL_MM * n_rows)
    write_title(figure, title)
    grid = figure.subplots(n_rows, n_columns, squeeze=False)
    marks = class_marks(class_names)
    width_mm = (COLUMN_MM / n_columns - 10.0) / len(class_names)
    for axes, panel in zip(grid.flat, panels, strict=False):
        _draw_boxes(axes, panel, marks, style, letters=_LETTERS // n_columns)
        turned = max(map(len, class_names)) * _LETTER_MM > width_mm
        axes.set_xticks(range(len(class_names)), class_names, **(_TURNED if turned else {}))
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    return figure


def _draw_boxes(axes: Axes, panel: BoxPanel, marks: Mapping[str, Mark], style: str, letters: int) -> None:
    for place, (name, mark) in enumerate(marks.items()):
        values = np.asarray(panel.values.get(name, ()), dtype=np.float64)
        values = values[np.isfinite(values)]
        if not values.size:
            continue
        if style == VIOLIN and values.size >= _FEWEST_FOR_VIOLIN and np.ptp(values) > 0:
            _violin(axes, place, values, mark)
        else:
            _box(axes, place, values, mark)
        _dots(axes, place, values, mark)
    axes.set_xlim(-0.6, len(marks) - 0.4)
    axes.tick_params(axis="x", length=0)
    # no text is read as mathematics, since a class may be called $x
    axes.ticklabel_format(axis="y", scilimits=(-3, 4), useMathText=False)
    axes.yaxis.get_offset_text().set_fontsize(SMALL_POINTS)
    title = "\n".join(textwrap.wrap(panel.title, letters, max_lines=2, placeholder=" …"))
    axes.set_title(f"{title}\n", fontsize=SMALL_POINTS + 0.5, linespacing=1.3, parse_math=False)
    axes.annotate(
        panel.words,
        (0, 1),
        xytext=(0, 3),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=SMALL_POINTS,
        parse_math=False,
    )


def _box(axes: Axes, place: int, values: np.ndarray, mark: Mark) -> None:
    line = {"color": BLACK, "linewidth": 0.6}
    axes.boxplot(
        [values],
        positions=[place],
        widths=0.62,
        showfliers=False,
        patch_artist=True,
        boxprops={"facecolor": mark.colour, "alpha": 0.35, "edgecolor": BLACK, "linewidth": 0.6},
        medianprops={"color": BLACK, "linewidth": 1.2},
        whiskerprops=line,
        capprops=line,
        manage_ticks=False,
    )


def _violin(axes: Axes, place: int, values: np.ndarray, mark: Mark) -> None:
    parts: dict[str, Any] = dict(axes.violinplot([values], positions=[place], widths=0.8, showextrema=False))
    for body in parts["bodies"]:
        body.set(facecolor=mark.colour, alpha=0.35, edgecolor=BLACK, linewidth=0.5)
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    axes.plot([place, place], [low, high], color=BLACK, linewidth=1.6, solid_capstyle="butt")
    axes.plot([place - 0.15, place + 0.15], [middle, middle], color=BLACK, linewidth=1.2)


def _dots(axes: Axes, place: int, values: np.ndarray, mark: Mark) -> None:
    generator = np.random.default_rng([_SEED, place])
    shown = values if values.size <= MOST_DOTS else generator.choice(values, MOST_DOTS, replace=False)
    jitter = generator.uniform(-0.2, 0.2, shown.size)
    colour = mark.colour if mark.colour != BLACK else GREY
    axes.scatter(place + jitter, shown, s=3.0, color=colour, linewidths=0, alpha=0.8, zorder=3)


@house_style()
def correlation_figure(matrix: np.ndarray, names: Sequence[str], title: str) -> Figure:
    """Draw correlations from -1 (blue) over 0 (white) to 1 (red).

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
            # no minus before a zero
            text = f"{value:.1f}".replace("-0.0", "0.0")
            axes.text(column, row, text, ha="center", va="center", fontsize=SMALL_POINTS - 1, color=colour)
    bar = figure.colorbar(image, ax=axes, shrink=0.6, aspect=25, ticks=[-1, -0.5, 0, 0.5, 1], label="correlation")
    bar.outline.set_visible(False)
    write_title(figure, title)
    return figure


@dataclass(frozen=True)
class ScatterPanel:
    """One map.

    Attributes:
        title: Stands above.
        points: (N, 2) float64.
        labels: Class of each point, None where unknown.
        axes: Labels of the horizontal and the vertical axis.
        has_scale: Whether the numbers along the axes mean something.
    """

    title: str
    points: np.ndarray
    labels: Sequence[str | None]
    axes: tuple[str, str]
    has_scale: bool = True


@house_style()
def scatter_figure(panels: Sequence[ScatterPanel], class_names: Sequence[str], title: str) -> Figure:
    """Draw FOVs as points in the colour and symbol of their class: a panel for each map, and one legend.

    Args:
        panels: The maps.
        class_names: The classes, in the order of the legend.
        title: Stands above.

    Returns:
        The figure, one column wide; as wide as a page with several panels.

    Raises:
        DataError: There is no panel, a panel's points and labels do not fit, or a label is no class.
    """
    _check_maps(panels, class_names)
    n_columns = min(len(panels), _MOST_COLUMNS)
    n_rows = -(-len(panels) // n_columns)
    width = COLUMN_MM if n_columns == 1 else PAGE_MM
    figure = new_figure(width, 18.0 + 0.82 * width / n_columns * n_rows)
    write_title(figure, title)
    grid = figure.subplots(n_rows, n_columns, squeeze=False)
    for axes, panel in zip(grid.flat, panels, strict=False):
        _draw_map(axes, panel, class_names)
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


def _draw_map(axes: Axes, panel: ScatterPanel, class_names: Sequence[str]) -> None:
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


def _check_maps(panels: Sequence[ScatterPanel], class_names: Sequence[str]) -> None:
    if not panels:
        raise DataError("expected at least one map to draw, found none")
    for panel in panels:
        if panel.points.shape != (len(panel.labels), 2):
            raise DataError(f"expected a point for each of {len(panel.labels)} labels, found {panel.points.shape}")
        unknown = sorted({label for label in panel.labels if label is not None} - set(class_names))
        if unknown:
            raise DataError(f"expected labels of the classes {list(class_names)}, found {unknown}")
