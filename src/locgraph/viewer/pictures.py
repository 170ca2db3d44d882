"""Small pictures of fields of view (FOVs), transparent, for light and dark pages alike."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from locgraph.show.report.pictures import frame
from locgraph.viewer.levels.levels import POSITION, Levels

SIDES: Final = (64, 128, 256, 512)
"""Sides of pictures in pixels."""

_MOST_KEPT: Final = 4000
_COLOUR: Final = (46, 146, 208)
"""Between both blues of the palette: at least 3 : 1 in contrast to white and to the dark page."""
_BRIGHTEST: Final = 0.995
_FAINTEST: Final = 0.18


@dataclass(frozen=True)
class Picture:
    """A PNG.

    Attributes:
        content: The bytes.
        fingerprint: Of the scene that it shows.
    """

    content: bytes
    fingerprint: str


class Pictures:
    """The pictures of a session that were drawn last."""

    def __init__(self) -> None:
        self._pictures: OrderedDict[tuple[int, int, int], Picture] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, source: int, index: int, side: int) -> Picture | None:
        """Return a picture that was kept; None where there is none."""
        with self._lock:
            return self._pictures.get((source, index, side))

    def keep(self, source: int, index: int, side: int, picture: Picture) -> None:
        """Keep a picture, and let the oldest go."""
        with self._lock:
            self._pictures[source, index, side] = picture
            if len(self._pictures) > _MOST_KEPT:
                self._pictures.popitem(last=False)


def draw_picture(levels: Levels, side: int) -> bytes:
    """Draw the density of the localisations of a FOV from above; y points downwards, as in a camera image.

    Of a large FOV its coarsest node is drawn, which is an even sample.

    Args:
        levels: The localisations, at least one.
        side: In pixels.

    Returns:
        A PNG with transparency.
    """
    points = levels.node(0, POSITION)[:, :2].astype(np.float64)
    corner, span = frame(points)
    places = np.clip(((points - corner) / span * side).astype(np.int64), 0, side - 1)
    counts = np.bincount(places[:, 1] * side + places[:, 0], minlength=side * side).reshape(side, side)
    blur = float(np.clip(0.55 * side / np.sqrt(len(points)), 0.5, 0.022 * side))
    density = gaussian_filter(counts.astype(np.float32), blur, mode="constant")
    seen = density > density.max() * 0.01
    top = float(np.quantile(density[seen], _BRIGHTEST))
    shade = np.clip(density / top, 0, 1) ** 0.6
    alpha = np.where(seen, _FAINTEST + (1 - _FAINTEST) * shade, shade / (shade.max() or 1) * _FAINTEST)
    pixels = np.empty((side, side, 4), dtype=np.uint8)
    pixels[..., :3] = _COLOUR
    pixels[..., 3] = np.round(255 * np.clip(alpha, 0, 1))
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()
