"""Look of every figure: sizes of a journal column, colours that colour-blind readers tell apart, scale bars, files.

Figures are objects of their own: nothing here draws on matplotlib's global state or opens a window.
"""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread

from locgraph.errors import ConfigError
from locgraph.provenance import whole_file

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
_TITLE_LETTER_MM: Final = 1.75
_NM_PER_UM: Final = 1000.0
_NM_PER_MM: Final = 1e6
_LONGEST_BAR: Final = 0.3  # part of what is shown

_CLASS_COLOURS: Final = (*CLUSTER_COLOURS, BLACK)
_CLASS_SYMBOLS: Final = ("o", "s", "^", "D", "v", "P", "X", "p")

# a date in the file would make two equal figures differ
_METADATA: Final[dict[str, dict[str, None]]] = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}

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
    # numbers are written out: an offset or a power of ten beside the axis would lie over titles
    "axes.formatter.useoffset": False,
    "axes.formatter.limits": [-9, 9],
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
    "text.parse_math": False,  # a class may be called $x
}


@contextmanager
def house_style() -> Iterator[None]:
    """Give figures the look of locgraph within a block, or a function it decorates, whatever the user's own settings.

    Matplotlib's settings belong to the process: they are put back at the end, and threads should not draw at once.
    """
    with matplotlib.style.context(["default", _SETTINGS]):
        yield


class ShownFigure(Figure):
    """A figure that notebooks show as a picture without ``%matplotlib inline``."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


def new_figure(width_mm: float, height_mm: float) -> Figure:
    """Return an empty figure of a printed size, which arranges its panels by itself."""
    return ShownFigure(figsize=(width_mm / _MM_PER_INCH, height_mm / _MM_PER_INCH), dpi=DPI, layout="constrained")


def write_title(figure: Figure, title: str) -> None:
    """Write a title at the upper left, in as many lines as the width of the figure needs."""
    letters = int(figure.get_figwidth() * _MM_PER_INCH / _TITLE_LETTER_MM)
    figure.suptitle("\n".join(textwrap.wrap(title, max(letters, 10))), x=0.01, ha="left", parse_math=False)


def blank(axes: Axes) -> None:
    """Take away frame, ticks and labels, and give both axes the same scale."""
    axes.set_axis_off()
    axes.set_aspect("equal")


@dataclass(frozen=True)
class Mark:
    """How a class is drawn.

    Attributes:
        colour: Its colour.
        symbol: Its symbol, as matplotlib names it.
    """

    colour: str
    symbol: str


def class_marks(class_names: Sequence[str]) -> dict[str, Mark]:
    """Return a mark for each class: the first seven differ in colour and symbol, up to 56 in one of both.

    Args:
        class_names: The classes, in the order in which they are shown everywhere.
    """
    n_colours, n_symbols = len(_CLASS_COLOURS), len(_CLASS_SYMBOLS)
    marks = {}
    for place, name in enumerate(class_names):
        turn, colour = divmod(place, n_colours)
        marks[name] = Mark(_CLASS_COLOURS[colour], _CLASS_SYMBOLS[(colour + turn) % n_symbols])
    return marks


def round_length(span_nm: float) -> float:
    """Return the largest of 1, 2 or 5 times a power of ten (nm) that is at most 30 % of a positive span."""
    longest = span_nm * _LONGEST_BAR
    power = 10.0 ** math.floor(math.log10(longest))
    # rounding may put the longest length a hair below a round one.
    return max(factor * power for factor in (1, 2, 5) if factor * power <= longest * (1 + 1e-9))


def length_text(length_nm: float) -> str:
    """Return a length in the unit that reads best: ``50 nm``, ``2 µm``, ``1 mm``."""
    if length_nm >= _NM_PER_MM:
        return f"{length_nm / _NM_PER_MM:g} mm"
    if length_nm >= _NM_PER_UM:
        return f"{length_nm / _NM_PER_UM:g} µm"
    return f"{length_nm:g} nm"


def draw_scale_bar(axes: Axes, right_nm: float, y_nm: float, span_nm: float) -> None:
    """Draw a bar that ends at the right, with its length below.

    Args:
        axes: Has nanometres on both axes.
        right_nm: Where the bar ends.
        y_nm: Height of the bar.
        span_nm: Width of what is shown, from which the bar's length is chosen.
    """
    length = round_length(span_nm)
    axes.plot([right_nm - length, right_nm], [y_nm, y_nm], color="black", linewidth=1.6, solid_capstyle="butt")
    axes.annotate(
        length_text(length),
        (right_nm - length / 2, y_nm),
        xytext=(0, -2),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=SMALL_POINTS,
    )


@house_style()
def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure in the format of the path's suffix, with 200 dots per inch where that matters.

    The same figure gives the same bytes every time.

    Args:
        figure: The figure.
        path: Ends in ``.png``, ``.svg`` or ``.pdf``; its folder is made where it is missing.

    Raises:
        ConfigError: The suffix is another one.
    """
    suffix = path.suffix.lower()
    if suffix not in _METADATA:
        raise ConfigError(f"expected a name ending in {', '.join(_METADATA)}, found {path}", setting="path")
    with whole_file(path) as temporary:
        figure.savefig(temporary, format=suffix.removeprefix("."), dpi=DPI, metadata=_METADATA[suffix])


def read_picture(path: Path) -> np.ndarray:
    """Read a PNG that was saved before.

    Args:
        path: The file.

    Returns:
        (height, width, channels) float32 between 0 and 1.
    """
    return imread(path)
