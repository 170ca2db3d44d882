"""Units beside what their vectors are decoded to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure

from locgraph.errors import DataError
from locgraph.show.figures.fov import draw_points
from locgraph.show.figures.style import (
    BLUE,
    PAGE_MM,
    SMALL_POINTS,
    VERMILLION,
    blank,
    draw_scale_bar,
    house_style,
    new_figure,
)

_PAIRS_PER_ROW: Final = 3
_TALLER: Final = 1.25


@dataclass(frozen=True)
class Reconstruction:
    """A unit and its reconstruction.

    Attributes:
        name: Of the unit.
        measured: Localisations (N, D) in nm relative to their centre.
        decoded: Points (P, D) in nm in the same frame.
        distance_nm: Chamfer distance of both.
    """

    name: str
    measured: np.ndarray
    decoded: np.ndarray
    distance_nm: float


@house_style()
def reconstructions_figure(units: Sequence[Reconstruction]) -> Figure:
    """Draw units (blue) beside what their vectors are decoded to (red), each pair in one scale.

    As in a camera image, y points downwards; units in 3D are seen along z.

    Args:
        units: At least one.

    Returns:
        The figure, as wide as a page.

    Raises:
        DataError: There is no unit.
    """
    if not units:
        raise DataError("expected at least one unit to draw, found none")
    n_rows = math.ceil(len(units) / _PAIRS_PER_ROW)
    n_columns = 2 * min(_PAIRS_PER_ROW, len(units))
    width = PAGE_MM / (2 * _PAIRS_PER_ROW)
    figure = new_figure(width * n_columns, width * _TALLER * n_rows)
    panels = figure.subplots(n_rows, n_columns, squeeze=False)
    for axes in panels.flat:
        blank(axes)
    for index, unit in enumerate(units):
        row, place = divmod(index, _PAIRS_PER_ROW)
        _draw_pair(panels[row, 2 * place], panels[row, 2 * place + 1], unit)
    return figure


def _draw_pair(left: Axes, right: Axes, unit: Reconstruction) -> None:
    clouds = (unit.measured[:, :2], unit.decoded[:, :2])
    half = 1.1 * max(float(np.abs(np.concatenate(clouds)).max()), 1.0)
    for axes, cloud, colour in zip((left, right), clouds, (BLUE, VERMILLION), strict=True):
        draw_points(axes, cloud, np.repeat(to_rgba_array(colour), len(cloud), axis=0), 0.6)
        axes.set_xlim(-half, half)
        axes.set_ylim(1.3 * half, -half)
    left.set_title(unit.name, loc="left", fontsize=SMALL_POINTS, parse_math=False)
    right.set_title(f"{unit.distance_nm:.1f} nm", loc="left", fontsize=SMALL_POINTS)
    draw_scale_bar(right, half, 1.08 * half, 2 * half)
