"""Reader of the HDF5 of DECODE (Speiser et al. 2021, 10.1038/s41592-021-01236-x).

After ``decode/utils/emitter_io.py`` and ``decode/generic/emitter.py`` of TuragaLab/DECODE: positions, their predicted
standard deviations (``xyz_sig``) and Cramér-Rao bounds (``xyz_cr``, variances) are tables of three columns; what is
not known of any localisation is an empty dataset. x and y are in the unit that ``/meta`` names, px or nm; z is in nm,
unless ``px_size`` has a third value, by which DECODE multiplies it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.io.header import Header, Layout, Sources
from locgraph.io.readers.base import OpenFile, Reader, as_column, is_number
from locgraph.io.readers.hdf5 import attribute, dataset, holds, opened, read_whole
from locgraph.io.software import choose

if TYPE_CHECKING:
    import h5py

_VARIANCES: Final = ("x_cr", "y_cr", "z_cr")
_TABLES: Final = {
    "xyz": ("x", "y", "z"),
    "xyz_sig": ("x_sig", "y_sig", "z_sig"),
    "xyz_cr": _VARIANCES,
}
_SINGLE: Final = (*("phot", "frame_ix", "id", "prob", "bg"), *("phot_sig", "phot_cr", "bg_sig", "bg_cr"))
_REMEDY: Final = "Give names and unit of the columns"
_META: Final = ("xy_unit", "px_size")
_COLUMNS: Final[Mapping[str, Sequence[Sources]]] = {
    schema.Z: ("z",),
    schema.FRAME: ("frame_ix",),
    schema.PHOTONS: ("phot",),
    schema.PRECISION: (("x_sig", "y_sig"), _VARIANCES[:2]),
    schema.PRECISION_Z: ("z_sig", _VARIANCES[2]),
    schema.BACKGROUND: ("bg",),
}


@dataclass(frozen=True)
class _Scale:
    """Units of x, y and z: as in the file, or in nm by ``factors`` where one size of a pixel cannot say it."""

    unit: str | None
    pixel_size_nm: float | None = None
    factors: tuple[float, float, float] = (1.0, 1.0, 1.0)


class DecodeReader(Reader):
    """Reads sets of emitters."""

    kind = "decode"

    @classmethod
    def accepts(cls, file: OpenFile) -> bool:
        """Return whether ``file`` is HDF5 with ``/data/xyz`` and ``/data/frame_ix``."""
        return holds(file, lambda hdf5: all(dataset(hdf5, f"data/{name}") is not None for name in ("xyz", "frame_ix")))

    def read_header(self) -> Header:
        """Read the names of the columns, and ``/meta``."""
        with opened(self.file) as hdf5:
            names = tuple(_sources(hdf5))
            metadata, scale = self._metadata(hdf5), self._scale(hdf5)
            known = [name for name in names if name != "bg" or not self._is_blank(hdf5["data/bg"])]
        return Header(names, metadata, _layout(known, scale))

    def read_table(self, columns: Sequence[str] | None = None) -> tuple[pl.DataFrame, dict[str, str]]:
        """Read the emitters, lengths in the units of the header, and the metadata."""
        with opened(self.file) as hdf5:
            sources = {name: source for name, source in _sources(hdf5).items() if columns is None or name in columns}
            scale = self._scale(hdf5)
            arrays: dict[str, np.ndarray] = {}
            for table in dict.fromkeys(table for table, _ in sources.values()):
                values = read_whole(hdf5[f"data/{table}"], self.file.size)
                for name, (origin, axis) in sources.items():
                    if origin == table:
                        arrays[name] = _column(values, table, axis, scale)
            metadata = self._metadata(hdf5)
        return pl.DataFrame({name: arrays[name] for name in sources}), metadata

    def _scale(self, hdf5: h5py.File) -> _Scale:
        """Return the units of the positions.

        Raises:
            ValueError: The size of a pixel is not a number for each of two or three axes.
        """
        unit = self._entry(hdf5, "xy_unit")
        if unit != "px":
            return _Scale("nm" if unit == "nm" else None)
        size = self._entry(hdf5, "px_size")
        if size is None:
            return _Scale("px")
        sides = [float(side) for side in np.ravel(size)]
        if len(sides) not in (2, 3):
            raise ValueError(f"px_size has {len(sides)} values")
        if len(sides) == 2 and sides[0] == sides[1]:
            return _Scale("px", pixel_size_nm=sides[0])
        return _Scale("nm", factors=(sides[0], sides[1], sides[2] if len(sides) == 3 else 1.0))

    def _metadata(self, hdf5: h5py.File) -> dict[str, str]:
        """Return the entries of ``/meta`` as text."""
        entries = {name: self._entry(hdf5, name) for name in _META}
        return {name: ", ".join(map(str, np.ravel(value))) for name, value in entries.items() if value is not None}

    def _entry(self, hdf5: h5py.File, name: str) -> Any:
        return attribute(hdf5["meta"], name, self.file) if "meta" in hdf5 else None

    def _is_blank(self, values: h5py.Dataset) -> bool:
        """Return whether all values are NaN: a background that DECODE did not estimate."""
        if values.shape[0] == 0 or values.dtype.kind != "f" or not np.isnan(values[0]):
            return False
        return bool(np.isnan(read_whole(values, self.file.size)).all())


def _sources(file: h5py.File) -> dict[str, tuple[str, int | None]]:
    """Return, for the name of each column, its dataset and which column of that it is.

    Raises:
        ValueError: The datasets do not fit each other.
    """
    rows = file["data/xyz"].shape[0]
    sources: dict[str, tuple[str, int | None]] = {}
    for table in (*_TABLES, *_SINGLE):
        values = dataset(file, f"data/{table}")
        if values is None or not is_number(values.dtype):
            continue
        if len(values.shape) != 1 + (table in _TABLES) or values.shape[0] != rows:
            raise ValueError(f"/data/{table} has the shape {values.shape} where there are {rows} emitters")
        if table in _TABLES:
            sources |= {name: (table, axis) for axis, name in enumerate(_TABLES[table][: values.shape[1]])}
        else:
            sources[table] = (table, None)
    return sources


def _column(values: np.ndarray, table: str, axis: int | None, scale: _Scale) -> np.ndarray:
    if axis is None:
        return as_column(values)
    factor = scale.factors[axis] ** (2 if table == "xyz_cr" else 1)
    column = values[:, axis]
    return as_column(column if factor == 1 else column.astype(np.float64) * factor)


def _layout(names: Sequence[str], scale: _Scale) -> Layout:
    chosen: dict[str, Sources] = {schema.X: "x", schema.Y: "y", **choose(names, _COLUMNS)}
    if scale.unit is None:
        return Layout("DECODE", chosen, {}, trouble="expected xy_unit nm or px in /meta; found neither. " + _REMEDY)
    in_plane = (schema.X, schema.Y, schema.PRECISION)
    units = {name: scale.unit if name in in_plane else "nm" for name in chosen if schema.is_length(name)}
    for name in units:
        if set(_VARIANCES) & {chosen[name], *chosen[name]}:
            units[name] += "^2"
    return Layout("DECODE", chosen, units, scale.pixel_size_nm, "/meta (px_size)")
