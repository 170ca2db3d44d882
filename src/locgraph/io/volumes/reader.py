"""Reader of label volumes: points on the surfaces of the objects, and measures of each object beside its points."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar
from xml.etree.ElementTree import ParseError

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import DataError, LocgraphError, within
from locgraph.io.header import NOTE, Header, Layout, Sources
from locgraph.io.readers.base import OpenFile, Reader, damaged
from locgraph.io.volumes.formats import open_volume
from locgraph.io.volumes.settings import LABEL, SHAPE_COLUMNS, VolumeSettings
from locgraph.io.volumes.volume import Selection, VolumeFile, need, select, whole_labels
from locgraph.provenance import file_digest
from locgraph.storage import storage_error

_DAMAGE: Final = (
    *(OSError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError, RuntimeError),
    *(OverflowError, MemoryError, SyntaxError, ParseError, struct.error, zlib.error, json.JSONDecodeError),
    *(StopIteration, AssertionError, NotImplementedError, ArithmeticError),
)
"""What the libraries of the formats raise where the bytes of a file do not fit together."""

T = TypeVar("T")


class OpenFolder(OpenFile):
    """A folder that is one volume, as Zarr is; its files are opened by what reads it."""

    def __init__(self, path: Path, table: str | None = None) -> None:
        self.path = path
        self.table = table
        self.handle = io.BufferedReader(io.BytesIO())
        self.head = b""
        self.size = sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
        self.views: dict[str, Any] = {}


class VolumeReader(Reader):
    """Reads the objects of one label volume as points on their surfaces.

    Args:
        file: The file or folder.
        settings: Which part of it is the volume, and how points are drawn.
    """

    kind = "label volume"

    def __init__(self, file: OpenFile, settings: VolumeSettings) -> None:
        super().__init__(file)
        self.settings = settings

    @classmethod
    def accepts(cls, file: OpenFile) -> bool:
        """Return whether the content is a label volume of any format."""
        try:
            open_volume(file.path)
        except LocgraphError:
            return False
        return True

    @cached_property
    def volume(self) -> VolumeFile:
        """The file, in its format."""
        return open_volume(self.path, self.settings.table)

    @cached_property
    def selection(self) -> Selection:
        """The part of the file that is the volume."""
        return select_volume(self.volume, self.settings)

    def read_header(self) -> Header:
        """Read axes and size of a voxel.

        Raises:
            DataError: The file is damaged, no label volume, or does not state the size of a voxel.
        """
        dimensions = len(self.selection.voxel_nm)
        names = [*schema.position_columns(dimensions), LABEL, *SHAPE_COLUMNS]
        if self.settings.intensity is not None:
            names += schema.INTENSITIES
        layout_names: dict[str, Sources] = {name: name for name in names}
        units = {name: "nm" for name in names if schema.is_length(name)}
        metadata = dict(guarded(self.path, self.volume.read_header).metadata)
        sizes = ", ".join(f"{size:g}" for size in self.selection.voxel_nm)
        metadata["voxel_nm"] = f"[{sizes}]"
        return Header(tuple(names), metadata, Layout(f"{metadata['format']} label volume", layout_names, units))

    def read_table(self, columns: Sequence[str] | None = None) -> tuple[pl.DataFrame, dict[str, str]]:
        """Draw points on the surface of each object, and measure the objects.

        Returns:
            One row for each point, sorted by label, in nm; the metadata, with a note on objects at the border.

        Raises:
            DataError: The file is damaged, or its labels are none.
        """
        from locgraph.io.volumes.measure import measure_objects  # late: it brings scipy.sparse

        wanted = set(self.header.names if columns is None else columns)
        values = read_volume(self.volume, self.selection, whole_labels)
        need("skimage")
        intensity = self._intensity(values.shape) if wanted & set(schema.INTENSITIES) else None
        table, notes = measure_objects(values, self.selection.voxel_nm, self.settings, intensity, wanted, self.path)
        metadata = dict(self.header.metadata)
        notes = (*self.selection.notes, *notes)
        return table, metadata | ({NOTE: "; ".join(notes)} if notes else {})

    def companions(self) -> tuple[Path, ...]:
        """Return the intensity volume, if there is one."""
        path = self.settings.intensity_path(self.path)
        return () if path is None else (path,)

    def digests(self) -> list[str]:
        """Return the digests of the file or folder, and of the intensity volume."""
        return [file_digest(path) for path in (self.path, *self.companions())]

    def _intensity(self, shape: tuple[int, ...]) -> np.ndarray:
        path = self.settings.intensity_path(self.path)
        if path is None:
            raise DataError(f"{self.path}: expected a folder of intensity volumes; found none", setting="intensity")
        volume = open_volume(path)
        stated = guarded(path, volume.read_header)
        # only the shape has to fit: the mask decides the size of a voxel
        selection = select(stated, str(path), self.selection.voxel_nm, None, None)
        values = read_volume(volume, selection)
        if values.shape != shape:
            raise DataError(
                f"{path}: expected an intensity volume of the shape of its mask, {shape}; found {values.shape}",
                setting="intensity",
            )
        if values.dtype.kind not in "iufb" or (values.dtype.kind == "f" and not np.isfinite(values).all()):
            raise DataError(f"{path}: expected finite intensities; found others ({values.dtype})", setting="intensity")
        return values


@contextmanager
def open_volume_reader(path: Path, settings: VolumeSettings) -> Iterator[VolumeReader]:
    """Open a label volume, and give its reader.

    Raises:
        DataError: There is no such file, or it is no label volume.
    """
    with within("columns"):
        open_volume(path)
    try:
        file = (OpenFolder if path.is_dir() else OpenFile)(path, settings.table)
    except OSError as error:
        raise DataError(f"{path}: expected files that can be read; found {error.strerror}") from error
    with file:
        yield VolumeReader(file, settings)


def select_volume(volume: VolumeFile, settings: VolumeSettings) -> Selection:
    """Return the part of a file that is the volume; see `select`."""
    header = guarded(volume.path, volume.read_header)
    return select(header, str(volume.path), settings.voxel_nm, settings.channel, settings.timepoint)


def read_volume(
    volume: VolumeFile, selection: Selection, check: Callable[[np.ndarray, str], np.ndarray] | None = None
) -> np.ndarray:
    """Return the volume (Z, Y, X) or (Y, X) of a file.

    Raises:
        DataError: The file is damaged, or ``check`` refuses it.
    """
    values = selection.take(guarded(volume.path, volume.read))
    return values if check is None else check(values, str(volume.path))


def guarded(path: Path, read: Callable[[], T]) -> T:
    """Return what ``read`` returns; what a library raises becomes an error with the name of the file."""
    try:
        return read()
    except LocgraphError:
        raise
    except _DAMAGE as error:
        refused = storage_error(error) if isinstance(error, OSError) else None
        raise refused or damaged(path, "label volume", error) from error
