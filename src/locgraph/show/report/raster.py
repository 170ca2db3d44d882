"""Small pictures of localisations, painted dot by dot: a thousand of them in seconds."""

from __future__ import annotations

from typing import Final

import numpy as np

PAPER: Final = 255
_OVERSAMPLED: Final = 2
_MARGIN: Final = 0.06
_SMALLEST_SPAN_NM: Final = 10.0


def frame(points: np.ndarray) -> tuple[np.ndarray, float]:
    """The square that holds localisations.

    Args:
        points: (N, 2) float64 in nm, N >= 1.

    Returns:
        Its smallest corner (2,) in nm, and its side in nm; a margin is included.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    side = max(float((high - low).max()), _SMALLEST_SPAN_NM) * (1 + 2 * _MARGIN)
    return (low + high) / 2 - side / 2, side


def paint(points: np.ndarray, colours: np.ndarray, side: int, radius: float, ringed: np.ndarray) -> np.ndarray:
    """Paints localisations as round dots on white; later ones lie on top.

    As in a camera image, y points downwards.

    Args:
        points: (N, 2) float64 in nm, N >= 1.
        colours: (N, 3) uint8.
        side: Of the picture, in pixels.
        radius: Of a dot, in pixels.
        ringed: (N,) bool, dots around which a black line runs; touching ones share a line.

    Returns:
        (side, side, 3) uint8.
    """
    fine = side * _OVERSAMPLED
    corner, span = frame(points)
    places = np.clip(((points - corner) / span * fine).astype(np.int64), 0, fine - 1)
    canvas = np.full((fine, fine, 3), PAPER, dtype=np.uint8)
    plain = ~ringed
    _dots(canvas, places[plain], colours[plain], radius * _OVERSAMPLED)
    if ringed.any():
        black = np.zeros((int(ringed.sum()), 3), dtype=np.uint8)
        _dots(canvas, places[ringed], black, (radius + 1.3) * _OVERSAMPLED)
        _dots(canvas, places[ringed], colours[ringed], radius * _OVERSAMPLED)
    blocks = canvas.reshape(side, _OVERSAMPLED, side, _OVERSAMPLED, 3)
    return np.round(blocks.mean(axis=(1, 3))).astype(np.uint8)


def dot_radius(n_localisations: int, side: int) -> float:
    """Radius in pixels by which that many dots cover a good part of a picture, and a few stay dots."""
    return float(np.clip(side / (2.5 * np.sqrt(max(n_localisations, 1))), 0.006 * side, 0.022 * side))


def _dots(canvas: np.ndarray, places: np.ndarray, colours: np.ndarray, radius: float) -> None:
    reach = int(np.ceil(radius))
    steps = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 2), axis=-1).reshape(-1, 2)
    last = canvas.shape[0] - 1
    for step in steps[(steps**2).sum(axis=1) <= radius**2]:
        x, y = np.clip(places + step, 0, last).T
        canvas[y, x] = colours
