"""How a feature is distributed in each class: boxes or violins, every case as a dot, and the effect in words."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from locgraph.errors import ConfigError, DataError
from locgraph.show.figures.class_marks import Mark, class_marks
from locgraph.show.figures.style import BLACK, COLUMN_MM, GREY, SMALL_POINTS, house_style, new_figure

BOX: Final = "box"
VIOLIN: Final = "violin"
STYLES: Final = (BOX, VIOLIN)

MOST_DOTS: Final = 150
"""Of a class with more cases a random choice is drawn as dots; the box is that of all."""

_SEED: Final = 0
_PANEL_MM: Final = 41.0
_LETTER_MM: Final = 1.3
_FEWEST_FOR_VIOLIN: Final = 8
_MANY_CLASSES: Final = 8
_LETTERS: Final = 52


@dataclass(frozen=True)
class BoxPanel:
    """One feature.

    Attributes:
        title: What is shown, with its unit.
        words: What the statistics say; stands below the title.
        values: Class -> values (n,) float64; a class without values stays empty.
    """

    title: str
    words: str
    values: Mapping[str, np.ndarray]


@house_style()
def boxes_figure(panels: Sequence[BoxPanel], class_names: Sequence[str], title: str, style: str = BOX) -> Figure:
    """Draws a panel for each feature.

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
    strange = sorted({name for panel in panels for name in panel.values} - set(class_names))
    if not panels or strange:
        raise DataError(f"expected features of the classes {list(class_names)}, found {strange or 'none'}")
    if style not in STYLES:
        raise ConfigError(f"analysis.style must be one of {', '.join(STYLES)}, found {style!r}")
    n_columns = 1 if len(class_names) > _MANY_CLASSES or len(panels) == 1 else 2
    n_rows = -(-len(panels) // n_columns)
    figure = new_figure(COLUMN_MM, 8.0 + _PANEL_MM * n_rows)
    figure.suptitle(title, x=0.01, ha="left")
    grid = figure.subplots(n_rows, n_columns, squeeze=False)
    marks = class_marks(class_names)
    width_mm = (COLUMN_MM / n_columns - 10.0) / len(class_names)
    for axes, panel in zip(grid.flat, panels, strict=False):
        _draw(axes, panel, marks, style, letters=_LETTERS // n_columns)
        turned = max(map(len, class_names)) * _LETTER_MM > width_mm
        axes.set_xticks(range(len(class_names)), class_names, **(_TURNED if turned else {}))
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    return figure


_TURNED: Final = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}


def _draw(axes: Axes, panel: BoxPanel, marks: Mapping[str, Mark], style: str, letters: int) -> None:
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
    axes.ticklabel_format(axis="y", scilimits=(-3, 4), useMathText=True)
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
