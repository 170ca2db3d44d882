"""Pixels of the picture of a field of view (FOV), and places in it as Label Studio states them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from locgraph.errors import ConfigError, DataError

MOST_PIXELS: Final = 1 << 26
"""Of a picture: 8,192 x 8,192."""

_LONG_SIDE: Final = 1024  # pixels, where no size of a pixel is given
_MARGIN: Final = 0.02
_SHORTEST_SPAN_NM: Final = 1.0


@dataclass(frozen=True)
class PixelGrid:
    """The pixels of a picture; x grows to the right and y downwards.

    Attributes:
        x0_nm: x of the left edge of the first pixel, in the coordinates of the localisations.
        y0_nm: y of its upper edge.
        nm_per_px: Side of a pixel.
        width: Pixels of a row.
        height: Pixels of a column.
    """

    x0_nm: float
    y0_nm: float
    nm_per_px: float
    width: int
    height: int

    def to_percent(self, points: np.ndarray) -> np.ndarray:
        """Return points (N, 2) in nm as per cent of width and height."""
        return (points - self._origin) / self._percent_nm

    def to_nm(self, percent: np.ndarray) -> np.ndarray:
        """Return points (N, 2) in per cent of width and height in nm."""
        with np.errstate(over="ignore"):  # what a file states may be any number; an infinite place is refused
            return percent * self._percent_nm + self._origin

    def pixels_to_nm(self, corners: np.ndarray) -> np.ndarray:
        """Return corners of pixels (N, 2), counted from 0, in nm."""
        return corners * self.nm_per_px + self._origin

    @property
    def _origin(self) -> np.ndarray:
        return np.array([self.x0_nm, self.y0_nm])

    @property
    def _percent_nm(self) -> np.ndarray:
        return np.array([self.width, self.height]) * (self.nm_per_px / 100)


def fit_grid(points: np.ndarray, nm_per_px: float | None) -> PixelGrid:
    """Return the pixels of a picture of localisations, with a margin of 2 %.

    Args:
        points: (N, 2) nm, at least one.
        nm_per_px: Side of a pixel; None for one of two digits with which the longer side has about 1,000 pixels.

    Raises:
        ConfigError: The picture would have more than `MOST_PIXELS`.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    span = np.maximum(high - low, _SHORTEST_SPAN_NM)
    margin = _MARGIN * float(span.max())
    side = float(f"{(span.max() + 2 * margin) / _LONG_SIDE:.2g}") if nm_per_px is None else nm_per_px
    width, height = (max(int(pixels), 1) for pixels in np.ceil((span + 2 * margin) / side))
    if width * height > MOST_PIXELS:
        raise ConfigError(
            f"expected a picture of at most {MOST_PIXELS:,} pixels; found {width:,} x {height:,} with {side:g} nm: "
            "give larger ones",
            setting="nm_per_px",
        )
    x0, y0 = (low - margin).tolist()
    return PixelGrid(x0, y0, side, width, height)


def check_size(width: object, height: object) -> tuple[int, int]:
    """Return the size of a picture that a file states.

    Raises:
        DataError: It is none, or larger than any picture is.
    """
    sides = [side for side in (width, height) if isinstance(side, int) and not isinstance(side, bool) and side > 0]
    if len(sides) < 2 or sides[0] * sides[1] > MOST_PIXELS:
        raise DataError(
            f"expected original_width and original_height of a picture, at most {MOST_PIXELS:,} pixels; found "
            f"{width!r} and {height!r}"
        )
    return sides[0], sides[1]
