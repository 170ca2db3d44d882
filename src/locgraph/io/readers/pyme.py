"""Reader of the HDF5 of PYME, the PYthon Microscopy Environment: results of fits (``.h5r``) and exports (``.hdf``).

After ``PYME/IO/tabular.py`` and ``PYME/LMVis/pipeline.py`` of python-microscopy/python-microscopy: ``/FitResults``
holds nested records (``fitResults``, ``fitError``, ``tIndex``), whose names are joined by ``_``; ``/Localizations``, as
its viewer saves them, has short names as well (``x``, ``error_x``, ``sig``, ``t``), after filters and corrections.
Lengths are in nm; ``t`` and ``tIndex`` count frames. Amplitudes are in counts of the camera, and are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import polars as pl

from locgraph import schema
from locgraph.io.header import Header, Layout, Sources
from locgraph.io.known.programs import PYME
from locgraph.io.readers.base import OpenFile, Reader
from locgraph.io.readers.hdf5 import dataset, fields, holds, opened, read_fields
from locgraph.io.software import choose, in_nm

if TYPE_CHECKING:
    import h5py

_TABLES: Final = ("Localizations", "FitResults")
_METADATA: Final = "MetaData"


class PymeReader(Reader):
    """Reads a table of fits, or of localisations."""

    kind = "pyme"

    @classmethod
    def accepts(cls, file: OpenFile) -> bool:
        """Return whether ``file`` is HDF5 with a group ``/MetaData`` beside a table of PYME."""
        return holds(file, lambda hdf5: _table(hdf5) is not None)

    def read_header(self) -> Header:
        """Read the names of the columns."""
        with opened(self.file) as hdf5:
            names = tuple(_fields(hdf5))
        chosen: dict[str, Sources] = {schema.X: "x", schema.Y: "y", **choose(names, PYME)}
        return Header(names, {}, Layout("PYME", chosen, in_nm(chosen)))

    def read_table(self, columns: Sequence[str] | None = None) -> tuple[pl.DataFrame, dict[str, str]]:
        """Read the table in blocks, lengths in nm."""
        with opened(self.file) as hdf5:
            paths = {name: path for name, path in _fields(hdf5).items() if columns is None or name in columns}
            return read_fields(_required_table(hdf5), paths, self.file.size), {}


def _table(hdf5: h5py.File) -> h5py.Dataset | None:
    import h5py

    if hdf5.get(_METADATA, getclass=True) is not h5py.Group:
        return None
    for name in _TABLES:
        table = dataset(hdf5, name)
        if table is not None and table.dtype.names and len(table.shape) == 1:
            return table
    return None


def _required_table(hdf5: h5py.File) -> h5py.Dataset:
    table = _table(hdf5)
    if table is None:
        raise ValueError(f"no table {' or '.join(_TABLES)}")
    return table


def _fields(hdf5: h5py.File) -> dict[str, tuple[str, ...]]:
    """Return the name of each column -> the path of its field."""
    return {"_".join(path): path for path in fields(_required_table(hdf5).dtype)}
