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

from locgraph import schema
from locgraph.show.report.pictures import frame
from locgraph.viewer.levels.levels import POSITION, Levels

SIDES: Final = (64, 128, 256, 512)
"""Sides of pictures in pixels."""

_MOST_KEPT: Final = 4000
_COLOUR: Final = (46, 146, 208)
"""Between both blues of the palette: at least 3 : 1 in contrast to white and to the dark page."""
_BRIGHTEST: Final = 0.995
_SEEN: Final = 0.01
_LIFT: Final = 0.6
_BLUR, _LEAST_BLUR, _MOST_BLUR = 0.35, 0.5, 0.014


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

    Of a large FOV its coarsest node is drawn: an even sample, in which the local density is the weight of each.

    Args:
        levels: The localisations, at least one.
        side: In pixels.

    Returns:
        A PNG with transparency.
    """
    points = levels.node(0, POSITION)[:, :2].astype(np.float64)
    corner, span = frame(points)
    places = np.clip(((points - corner) / span * side).astype(np.int64), 0, side - 1)
    weights = levels.node(0, schema.DENSITY) if len(points) < len(levels) else None
    counts = np.bincount(places[:, 1] * side + places[:, 0], weights, side * side).reshape(side, side)
    blur = float(np.clip(_BLUR * side / np.sqrt(len(points)), _LEAST_BLUR, _MOST_BLUR * side))
    density = gaussian_filter(counts.astype(np.float32), blur, mode="constant")
    seen = density[density > density.max() * _SEEN]
    shade = np.sqrt(np.clip(density / np.quantile(seen, _BRIGHTEST), 0, 1))
    alpha = np.clip((1 + _LIFT) * shade / (shade + _LIFT), 0, 1)  # faint ones show, none has a hard edge
    pixels = np.empty((side, side, 4), dtype=np.uint8)
    pixels[..., :3] = _COLOUR
    pixels[..., 3] = np.round(255 * alpha)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()
