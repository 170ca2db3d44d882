"""Scale bars with a round length."""

from __future__ import annotations

import math
from typing import Final

from matplotlib.axes import Axes

from locgraph.show.figures.style import SMALL_POINTS

_SHARE: Final = 0.3
_NM_PER_UM: Final = 1000.0
_NM_PER_MM: Final = 1e6


def round_length(span_nm: float) -> float:
    """The largest of 1, 2 or 5 times a power of ten (nm) that is at most 30 % of a positive span."""
    longest = span_nm * _SHARE
    power = 10.0 ** math.floor(math.log10(longest))
    # Rounding may put the longest length a hair below a round one.
    return max(factor * power for factor in (1, 2, 5) if factor * power <= longest * (1 + 1e-9))


def length_text(length_nm: float) -> str:
    """A length in the unit that reads best: ``50 nm``, ``2 µm``, ``1 mm``."""
    if length_nm >= _NM_PER_MM:
        return f"{length_nm / _NM_PER_MM:g} mm"
    if length_nm >= _NM_PER_UM:
        return f"{length_nm / _NM_PER_UM:g} µm"
    return f"{length_nm:g} nm"


def draw_scale_bar(axes: Axes, right_nm: float, y_nm: float, span_nm: float, size: float = SMALL_POINTS) -> None:
    """Draws a bar that ends at the right, with its length below.

    Args:
        axes: Has nanometres on both axes.
        right_nm: Where the bar ends.
        y_nm: Height of the bar.
        span_nm: Width of what is shown, from which the bar's length is chosen.
        size: Of the text, in points.
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
        fontsize=size,
    )
