"""A small picture of the density of localisations of one FOV, at any number of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from matplotlib.colors import LinearSegmentedColormap, PowerNorm
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter

from locgraph import schema
from locgraph.errors import DataError
from locgraph.show.figures.fov import SMALLEST_SPAN_NM
from locgraph.show.figures.style import (
    BLACK,
    BLUE,
    COLUMN_MM,
    SKY_BLUE,
    blank,
    draw_scale_bar,
    house_style,
    new_figure,
)

DENSITY_COLOURS: Final = LinearSegmentedColormap.from_list("density", ["white", SKY_BLUE, BLUE, BLACK])
"""From nothing (paper) over the palette's blues to black: darker is denser, in grey too."""

LONG_SIDE: Final = 600
"""Pixels of the longer side of the picture."""

_SHORTEST_SIDE: Final = 60
_GAMMA: Final = 0.5
_BRIGHTEST: Final = 0.999
_WIDEST_BLUR: Final = 5.0
_MARGIN: Final = 0.04
_TAIL: Final = 0.005
_FAR: Final = 3.0


@dataclass(frozen=True)
class Density:
    """Localisations counted on a grid.

    Attributes:
        counts: (rows, columns) float64; row 0 holds the smallest y.
        low: (2,) x and y of the corner of pixel (0, 0) in nm.
        high: (2,) x and y of the opposite corner in nm.
    """

    counts: np.ndarray
    low: np.ndarray
    high: np.ndarray


@house_style()
def thumbnail_figure(locs: pl.DataFrame, title: str) -> Figure:
    """Draw the density of the localisations of a FOV, seen from above, with a scale bar.

    As in a camera image, y points downwards. Of few localisations each is a spot, whose size is no precision. Where a
    few lie so far away that the others would be a dot, the picture leaves them out, and the title counts them.

    Args:
        locs: Positions in nm, finite.
        title: Stands above.

    Returns:
        The figure, one column wide.

    Raises:
        DataError: A column is missing, or there is no localisation.
    """
    missing = [name for name in (schema.X, schema.Y) if name not in locs.columns]
    if missing or locs.is_empty():
        raise DataError(f"expected localisations with x and y to draw, found {locs.height} rows of {locs.columns}")
    x, y = (locs[name].to_numpy() for name in (schema.X, schema.Y))
    density = count_on_grid(x, y)
    span = density.high - density.low
    height = float(np.clip(span[1] / span[0], 0.1, 1.6))
    figure = new_figure(COLUMN_MM, 16.0 + 80.0 * height)
    axes = figure.subplots()
    image = gaussian_filter(density.counts, blur_pixels(x.size), mode="constant")
    corners = (density.low[0], density.high[0], density.high[1], density.low[1])
    axes.imshow(image, cmap=DENSITY_COLOURS, norm=_norm(image), extent=corners, origin="upper")
    blank(axes)
    bar = density.high[1] + 0.05 * span.max()
    axes.set_ylim(bar + 0.08 * span.max(), density.low[1])
    draw_scale_bar(axes, density.high[0], bar, span[0])
    outside = x.size - int(density.counts.sum())
    axes.set_title(f"{title}\n{_counted(x.size, outside)}", parse_math=False)
    return figure


def count_on_grid(x: np.ndarray, y: np.ndarray) -> Density:
    """Count localisations on square pixels, as many as a picture can show.

    Args:
        x: (N,) in nm.
        y: (N,) in nm.

    Returns:
        The counts, in a window around all localisations except those far away from nearly all others.
    """
    windows = [_window(values) for values in (x, y)]
    middle = np.array([(low + high) / 2 for low, high in windows])
    spans = np.array([high - low for low, high in windows])
    # a margin, and never a picture too narrow to see
    wanted = np.maximum(spans, SMALLEST_SPAN_NM) * (1 + 2 * _MARGIN)
    pixel = wanted.max() / LONG_SIDE
    shape = np.maximum(np.round(wanted / pixel), _SHORTEST_SIDE).astype(np.int64)
    low = middle - shape * pixel / 2
    columns, rows = (np.floor((values - start) / pixel) for values, start in zip((x, y), low, strict=True))
    inside = (columns >= 0) & (columns < shape[0]) & (rows >= 0) & (rows < shape[1])
    flat = (rows[inside] * shape[0] + columns[inside]).astype(np.int64)
    counts = np.bincount(flat, minlength=int(shape.prod())).reshape(shape[1], shape[0])
    return Density(counts.astype(np.float64), low, low + shape * pixel)


def density_pixels(
    points: np.ndarray, corner: tuple[float, float], nm_per_px: float, size: tuple[int, int]
) -> np.ndarray:
    """Paint the density of localisations on given pixels, without frame and scale bar.

    Args:
        points: (N, 2) nm, at least one.
        corner: x and y of the corner of the first pixel in nm.
        nm_per_px: Side of a pixel.
        size: Pixels of a row and of a column.

    Returns:
        (rows, columns, 3) uint8, darker where they are dense; y points downwards.
    """
    columns, rows = size
    places = np.floor((points - np.asarray(corner)) / nm_per_px).astype(np.int64)
    inside = ((places >= 0) & (places < [columns, rows])).all(axis=1)
    flat = places[inside, 1] * columns + places[inside, 0]
    counts = np.bincount(flat, minlength=columns * rows).reshape(rows, columns).astype(np.float64)
    blur = blur_pixels(len(points)) * max(columns, rows) / LONG_SIDE
    image = gaussian_filter(counts, blur, mode="constant")
    return np.round(DENSITY_COLOURS(_norm(image)(image))[..., :3] * 255).astype(np.uint8)


def blur_pixels(n_localisations: int) -> float:
    """Return the standard deviation of the blur in pixels: the fewer localisations, the larger the spots."""
    return float(np.clip(150.0 / np.sqrt(n_localisations), 0.0, _WIDEST_BLUR))


def _window(values: np.ndarray) -> tuple[float, float]:
    """Return the smallest and largest value, without those far away from nearly all others."""
    low, high = np.quantile(values, [_TAIL, 1 - _TAIL])
    reach = _FAR * max(float(high - low), SMALLEST_SPAN_NM)
    near = values[(values >= low - reach) & (values <= high + reach)]
    return float(near.min()), float(near.max())


def _norm(image: np.ndarray) -> PowerNorm:
    """Colour by the square root of the density, so that single localisations show beside dense clusters."""
    positive = image[image > 0]
    return PowerNorm(_GAMMA, vmin=0.0, vmax=float(np.quantile(positive, _BRIGHTEST)) if positive.size else 1.0)


def _counted(total: int, outside: int) -> str:
    words = f"{total:,} localisation{'' if total == 1 else 's'}"
    return words + (f", {outside:,} of them far outside" if outside else "")
