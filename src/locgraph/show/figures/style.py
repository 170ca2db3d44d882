"""The look of every figure: sizes of a journal column, one type size, colours that colour-blind readers tell apart.

Figures are objects of their own: nothing here draws on matplotlib's global state or opens a window.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLACK: Final = "#000000"
ORANGE: Final = "#E69F00"
SKY_BLUE: Final = "#56B4E9"
GREEN: Final = "#009E73"
YELLOW: Final = "#F0E442"
BLUE: Final = "#0072B2"
VERMILLION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"

OKABE_ITO: Final = (BLACK, ORANGE, SKY_BLUE, GREEN, YELLOW, BLUE, VERMILLION, PURPLE)
"""The palette of Okabe and Ito (2008, https://jfly.uni-koeln.de/color/)."""

CLUSTER_COLOURS: Final = (BLUE, ORANGE, GREEN, PURPLE, SKY_BLUE, VERMILLION)
"""For localisations on white: without black, which is for centres, and yellow, which is too pale."""

GREY: Final = "#8C8C8C"
DARK_GREY: Final = "#6E6E6E"
PALE_GREY: Final = "#D9D9D9"

COLUMN_MM: Final = 89.0
"""Width of one column of a journal."""

PAGE_MM: Final = 183.0
"""Width of a page of two columns."""

DPI: Final = 200

TEXT_POINTS: Final = 7.0
SMALL_POINTS: Final = 6.0

_MM_PER_INCH: Final = 25.4

_SETTINGS: Final[dict[str, Any]] = {
    "font.family": "DejaVu Sans",
    "font.size": TEXT_POINTS,
    "axes.titlesize": 8.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": TEXT_POINTS,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": SMALL_POINTS,
    "ytick.labelsize": SMALL_POINTS,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "legend.fontsize": SMALL_POINTS,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "figure.titlesize": 8.0,
    "figure.titleweight": "bold",
    "svg.hashsalt": "locgraph",
}


@contextmanager
def house_style() -> Iterator[None]:
    """Within this block, or a function it decorates, figures have the house look whatever the user's own settings.

    Matplotlib's settings belong to the process: they are put back at the end, and threads should not draw at once.
    """
    with matplotlib.style.context(["default", _SETTINGS]):
        yield


def new_figure(width_mm: float, height_mm: float) -> Figure:
    """An empty figure of a printed size, which arranges its panels by itself."""
    return Figure(figsize=(width_mm / _MM_PER_INCH, height_mm / _MM_PER_INCH), dpi=DPI, layout="constrained")


def blank(axes: Axes) -> None:
    """Takes away frame, ticks and labels, and makes both axes count the same."""
    axes.set_axis_off()
    axes.set_aspect("equal")
