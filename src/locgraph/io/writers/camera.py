"""Camera of an export in pixels: as the source states it, else computed from the localisations."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.io.values import check_pixel_size
from locgraph.io.writers.base import Camera, frames_of, in_pixels
from locgraph.io.writers.source import Source

WIDTH: Final = "Width"
HEIGHT: Final = "Height"
FRAMES: Final = "Frames"
PIXEL_SIZE: Final = "Pixelsize"


def find_camera(table: pl.DataFrame, source: Source, pixel_size_nm: float | None) -> Camera:
    """Return the camera of a FOV.

    What the YAML of a source in the format of Picasso states is kept, so that files of the same movie stay
    comparable: positions are never moved there, and Width, Height and Frames grow only where a row lies outside. For
    other sources they are computed, and positions are moved by whole pixels where some are below 0.

    Args:
        table: All localisations of the FOV, with canonical columns.
        source: The file they come from.
        pixel_size_nm: Side of a camera pixel in nm, where the source does not state it.

    Raises:
        ConfigError: The size of a pixel is not known, or another one than the source states.
    """
    size = _pixel_size(source, pixel_size_nm)
    stated = {name: _whole(source.metadata.get(name)) for name in (WIDTH, HEIGHT, FRAMES)} if source.documents else {}
    pixels = [in_pixels(table[name].to_numpy(), size) for name in (schema.X, schema.Y)]
    shift = [0 if stated or not len(axis) else max(0, int(np.ceil(-axis.min()))) for axis in pixels]
    moved = [in_pixels(table[name].to_numpy(), size, by) for name, by in zip((schema.X, schema.Y), shift, strict=True)]
    sizes = [int(np.floor(axis.max())) + 1 if len(axis) else 1 for axis in moved]
    frames = frames_of(table, source)
    least = {WIDTH: sizes[0], HEIGHT: sizes[1], FRAMES: int(frames.max()) + 1 if len(frames) else 1}
    values = {name: max(value, stated.get(name) or 0, 1) for name, value in least.items()}
    computed = [name for name, value in values.items() if value != stated.get(name)]
    if not (source.documents and PIXEL_SIZE in source.metadata):
        computed.append(PIXEL_SIZE)
    below_0 = int(((moved[0] < 0) | (moved[1] < 0)).sum())
    return Camera(size, values[WIDTH], values[HEIGHT], values[FRAMES], (shift[0], shift[1]), below_0, tuple(computed))


def _pixel_size(source: Source, pixel_size_nm: float | None) -> float:
    check_pixel_size(pixel_size_nm)
    stated = source.pixel_size_nm
    chosen = stated if pixel_size_nm is None else pixel_size_nm
    if chosen is None:
        raise ConfigError(
            f"{source.path or 'the localisations'}: expected the side of a camera pixel in nm, for this format holds "
            "positions in pixels; found none in the source. Set it",
            setting="pixel_size_nm",
        )
    if stated is not None and not np.isclose(stated, chosen):
        raise ConfigError(
            f"{source.path}: expected the pixel size of the source, {stated:g} nm; found {chosen:g}. Set it to null",
            setting="pixel_size_nm",
        )
    return float(chosen)


def _whole(text: str | None) -> int | None:
    try:
        return None if text is None else int(float(text))
    except ValueError:
        return None
