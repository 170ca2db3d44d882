"""Shared parts of the writers: what they are handed, their contract, and checks of columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.io.writers.source import Source

GROUP: Final = "group"
"""Column with the number of the class or object: the name that Picasso gives it."""
OBJECT_COLUMNS: Final = (GROUP, schema.OBJECT, schema.PREDICTED_CLASS, schema.PROBABILITY, schema.SCORE)
"""Columns that stand behind those of the localisations, where they are there."""


@dataclass(frozen=True)
class Camera:
    """What formats with pixels state of the camera, from all localisations of the FOV, written or not.

    Attributes:
        pixel_size_nm: Side of a pixel in nm.
        width: Pixels along x.
        height: Pixels along y.
        frames: Frames of the movie.
        shift: Whole pixels that are added to x and y, so that none is below 0.
        below_0: Localisations with a position below 0 that are not moved.
        computed: Which of Width, Height, Frames and Pixelsize the source does not state, or states too small.
    """

    pixel_size_nm: float
    width: int
    height: int
    frames: int
    shift: tuple[int, int]
    below_0: int
    computed: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """The rows of one file.

    Attributes:
        table: Localisations with canonical columns, and those of `OBJECT_COLUMNS`; ``row`` in the table of the FOV.
        source: Where they come from.
        provenance: Name -> plain value: how the file was made.
        class_names: All classes, in the order of their indices.
        object_names: All objects, in the order of their numbers.
        camera: The camera; None where the format has no pixels.
    """

    table: pl.DataFrame
    source: Source
    provenance: Mapping[str, Any]
    class_names: tuple[str, ...]
    object_names: tuple[str, ...]
    camera: Camera | None


class Writer(Protocol):
    """Contract of writers: a part of the localisations to one file.

    Attributes:
        suffix: Suffix of the files.
        has_pixels: Whether positions are written in camera pixels.
        requires: Canonical columns that the format cannot do without.
    """

    suffix: str
    has_pixels: bool
    requires: tuple[str, ...]

    def __call__(self, path: Path, part: Part) -> None:
        """Write a file, and what belongs beside it, whole or not at all."""
        ...


def frames_of(table: pl.DataFrame, source: Source) -> np.ndarray:
    """Return the frame of the movie, from 0, of each localisation (N,) int64; 0 where there are no frames."""
    if schema.FRAME not in table.columns:
        return np.zeros(table.height, dtype=np.int64)
    return table[schema.FRAME].to_numpy() + source.first_frame


def in_pixels(lengths: np.ndarray, pixel_size_nm: float, shift: int = 0) -> np.ndarray:
    """Return lengths (N,) nm in camera pixels, moved by whole pixels, as float32."""
    return (lengths / pixel_size_nm + shift).astype(np.float32)


def check_finite(table: pl.DataFrame, where: str) -> None:
    """Refuse localisations with a value that is missing: software leaves out such rows without a word.

    Raises:
        DataError: A value is missing or infinite.
    """
    for column in table.get_columns():
        if column.dtype.is_numeric():
            bad = column.null_count()
            bad += int((~np.isfinite(column.drop_nulls().to_numpy())).sum()) if column.dtype.is_float() else 0
            if bad:
                raise DataError(
                    f"{where}: expected a finite number in every row of the column {column.name}, found {bad} of "
                    f"{table.height} without; leave the column out, or refuse these rows when the file is read"
                )
