"""Reader of the ``_sml.mat`` of SMAP (Ries 2020, 10.1038/s41592-020-0938-1), of MATLAB 7.3 (HDF5) and of MATLAB 7.

After ``SMLMsaver.m`` of jries/SMAP and ``smap_io.py`` of super-resolution/Locan: each field of ``saveloc.loc`` is a
column, with the names and units that its text exports have, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from locgraph.errors import DataError
from locgraph.io.header import Header
from locgraph.io.layouts import recognise
from locgraph.io.readers.base import OpenFile, Reader, as_column, is_number
from locgraph.io.readers.hdf5 import attribute, dataset, holds, opened, read_whole
from locgraph.io.readers.matlab import Matrix, is_mat5, variables

if TYPE_CHECKING:
    import h5py

_ROOT: Final = "saveloc"
_TABLE: Final = "loc"
_FILE_NUMBER: Final = "filenumber"


class SmapReader(Reader):
    """Reads the localisations of one file of SMAP; those of several in one are refused."""

    kind = "smap"

    @classmethod
    def accepts(cls, file: OpenFile) -> bool:
        """Return whether ``file`` holds ``saveloc.loc``, in either kind of MATLAB file."""
        if is_mat5(file):
            return _ROOT in variables(file, inflate=False)
        return holds(file, lambda hdf5: dataset(hdf5, f"{_ROOT}/{_TABLE}/xnm") is not None)

    def read_header(self) -> Header:
        """Read the names of the columns."""
        if is_mat5(self.file):
            names = tuple(self._fields)
        else:
            with opened(self.file) as hdf5:
                names = tuple(_datasets(hdf5, self.file))
        return Header(names, {}, recognise(names, {}))

    def read_table(self, columns: Sequence[str] | None = None) -> tuple[pl.DataFrame, dict[str, str]]:
        """Read the localisations, lengths in nm.

        Raises:
            DataError: The file is damaged, or holds localisations of several files.
        """
        arrays = self._read(None if columns is None else {*columns, _FILE_NUMBER})
        _check_one_file(arrays.get(_FILE_NUMBER), self.path)
        return pl.DataFrame({name: arrays[name] for name in arrays if columns is None or name in columns}), {}

    def _read(self, wanted: set[str] | None) -> dict[str, np.ndarray]:
        if is_mat5(self.file):
            fields = self._fields.items()
            return {
                name: as_column(field.numbers().ravel()) for name, field in fields if wanted is None or name in wanted
            }
        with opened(self.file) as hdf5:
            return {
                name: as_column(read_whole(field, self.file.size).ravel())
                for name, field in _datasets(hdf5, self.file).items()
                if wanted is None or name in wanted
            }

    @cached_property
    def _fields(self) -> dict[str, Matrix]:
        """Fields of ``saveloc.loc`` in a MAT-file of MATLAB 7 that are columns as long as ``xnm``."""
        root = variables(self.file)[_ROOT]
        fields = root.fields().get(_TABLE, root).fields()
        size = max(fields["xnm"].shape, default=0) if "xnm" in fields else 0
        return {name: field for name, field in fields.items() if field.is_number and _is_column(field.shape, size)}


def _check_one_file(numbers: np.ndarray | None, path: Path) -> None:
    """Refuse a table of several files, whose localisations lie on top of each other."""
    if numbers is not None and len(several := np.unique(numbers)) > 1:
        raise DataError(
            f"{path}: expected the localisations of one file of SMAP; found those of {len(several)} ({_FILE_NUMBER} "
            f"{', '.join(f'{number:g}' for number in several[:5])}). Save each file alone in SMAP"
        )


def _datasets(hdf5: h5py.File, file: OpenFile) -> dict[str, h5py.Dataset]:
    """Return the fields that are columns as long as ``xnm``."""
    group = hdf5[_ROOT][_TABLE]
    positions = dataset(group, "xnm")
    if positions is None:
        raise ValueError(f"no xnm in {_ROOT}.{_TABLE}")
    size = max(positions.shape, default=0)
    fields = {}
    for name in group:
        field = dataset(group, name)
        # an empty array of MATLAB is kept as its size, with a mark
        if field is None or not is_number(field.dtype) or attribute(field, "MATLAB_empty", file):
            continue
        if _is_column(field.shape, size):
            fields[str(name)] = field
    return fields


def _is_column(shape: tuple[int, ...], size: int) -> bool:
    return sorted(shape) in ([size], sorted([1, size]))
