"""Reader of the HDF5 of storm-analysis (Zhuang lab; 3D-DAOSTORM, sCMOS and others).

After ``storm_analysis/sa_library/sa_h5py.py`` and ``docs/output_files.rst`` of ZhuangLab/storm-analysis: a group
``/fr_N`` for each frame N, from 0, with an array for each property. x, y and the widths are in camera pixels, whose
size in nm is the attribute ``pixel_size``; z is in micrometres; ``sum`` and ``background`` in photo-electrons. What
corrects the drift of a frame, in the same units, is added. Averages over frames (``/tracks``) are passed over, with a
note.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.io.header import NOTE, Header, Layout, Sources
from locgraph.io.known.programs import STORM_ANALYSIS, STORM_ANALYSIS_UNITS
from locgraph.io.readers.base import OpenFile, Reader, as_column, is_number
from locgraph.io.readers.hdf5 import attribute, dataset, holds, opened, read_whole
from locgraph.io.software import choose

if TYPE_CHECKING:
    import h5py

_GROUP: Final = re.compile(r"fr_(\d{1,18})")
_MARKS: Final = ("sa_type", "version")
_FRAME: Final = "frame"
_TRACKS: Final = "tracks"
_DRIFT: Final = {"x": "dx", "y": "dy", "z": "dz"}


class StormAnalysisReader(Reader):
    """Reads the localisations of all frames, corrected for drift."""

    kind = "stormanalysis"

    @classmethod
    def accepts(cls, file: OpenFile) -> bool:
        """Return whether ``file`` is HDF5 with the two attributes by which storm-analysis knows its files."""
        return holds(file, lambda hdf5: all(name in hdf5.attrs for name in _MARKS))

    def read_header(self) -> Header:
        """Read the names of the arrays in any frame, and the size of a pixel."""
        with opened(self.file) as hdf5:
            names = tuple(_names(_frames(hdf5)))
            size = attribute(hdf5, "pixel_size", self.file)
            metadata = _metadata(hdf5)
        chosen: dict[str, Sources] = {schema.X: "x", schema.Y: "y", **choose(names, STORM_ANALYSIS)}
        units = {name: unit for name, unit in STORM_ANALYSIS_UNITS.items() if name in chosen}
        pixel_size_nm = None if size is None else float(size)
        metadata |= {} if size is None else {"pixel_size": f"{pixel_size_nm:g}"}
        return Header(names, metadata, Layout("storm-analysis", chosen, units, pixel_size_nm, "its pixel_size"))

    def read_table(self, columns: Sequence[str] | None = None) -> tuple[pl.DataFrame, dict[str, str]]:
        """Read the arrays of all frames; null where a frame lacks one."""
        wanted = [name for name in self.header.names if columns is None or name in columns]
        with opened(self.file) as hdf5:
            tables = [self._read_frame(number, group, wanted) for number, group in _frames(hdf5).items()]
        table = pl.concat(tables, how="diagonal_relaxed") if tables else pl.DataFrame()
        return table.select(name for name in wanted if name in table.columns), dict(self.header.metadata)

    def _read_frame(self, number: int, group: h5py.Group, wanted: Sequence[str]) -> pl.DataFrame:
        """Return the localisations of one frame.

        Raises:
            ValueError: Their arrays are not all as long as the group states.
        """
        rows = int(attribute(group, "n_locs", self.file) or 0)
        arrays = {name: _read_array(group, name, rows, self.file) for name in wanted if name in group}
        if _FRAME in wanted:
            arrays[_FRAME] = np.full(rows, number)
        return pl.DataFrame(arrays)


def _read_array(group: h5py.Group, name: str, rows: int, file: OpenFile) -> np.ndarray:
    values = dataset(group, name)
    if values is None or values.shape != (rows,):
        raise ValueError(f"{group.name}/{name} has not the {rows} values of its frame")
    column = as_column(read_whole(values, file.size)) if rows else np.empty(0, np.float64)
    drift = float(attribute(group, _DRIFT[name], file) or 0) if name in _DRIFT else 0.0
    return column.astype(np.float64) + drift if drift else column


def _frames(hdf5: h5py.File) -> dict[int, h5py.Group]:
    """Return frame -> its group, in order.

    Raises:
        ValueError: One is in another file, or no group.
    """
    import h5py

    numbers = {int(match[1]): name for name in hdf5 if (match := _GROUP.fullmatch(name))}
    for name in numbers.values():
        is_own = hdf5.get(name, getclass=True, getlink=True) is h5py.HardLink
        if not is_own or hdf5.get(name, getclass=True) is not h5py.Group:
            raise ValueError(f"{name} is no group of this file")
    return {number: hdf5[numbers[number]] for number in sorted(numbers)}


def _names(frames: Mapping[int, h5py.Group]) -> dict[str, None]:
    """Return the names of the columns: those of numbers, and the frame."""
    names: dict[str, None] = {}
    for group in frames.values():
        for name in group:
            if name not in names and (values := dataset(group, name)) is not None and is_number(values.dtype):
                names[str(name)] = None
    return names | {_FRAME: None} if names else names


def _metadata(hdf5: h5py.File) -> dict[str, str]:
    if _TRACKS not in hdf5:
        return {}
    return {NOTE: f"the localisations of single frames are read; not read: their averages over frames (/{_TRACKS})"}
