"""Reads the ``_sml.mat`` of SMAP (Ries 2020, 10.1038/s41592-020-0938-1), of MATLAB 7.3 (HDF5) and of MATLAB 7.

After ``SMLMsaver.m`` of jries/SMAP and ``smap_io.py`` of super-resolution/Locan: each field of ``saveloc.loc`` is a
column, with the names and units that its text exports have, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from locgraph.errors import DataError
from locgraph.io.header import Header
from locgraph.io.layouts.smap import recognise
from locgraph.io.readers.hdf5 import as_column, attribute, dataset, holds, is_number, opened, read_whole
from locgraph.io.readers.matlab import Matrix, is_mat5, variables

if TYPE_CHECKING:
    import h5py

_ROOT: Final = "saveloc"
_TABLE: Final = "loc"
_FILE_NUMBER: Final = "filenumber"


class SmapReader:
    """Reads the localisations of one file of SMAP; those of several in one are refused."""

    def accepts(self, path: Path) -> bool:
        """Whether ``path`` holds ``saveloc.loc``, in either kind of MATLAB file."""
        if is_mat5(path):
            return _ROOT in variables(path, inflate=False)
        return holds(path, lambda file: dataset(file, f"{_ROOT}/{_TABLE}/xnm") is not None)

    def read_header(self, path: Path) -> Header:
        """Reads the names of the columns.

        Raises:
            DataError: The file is damaged.
        """
        names = tuple(_fields_mat5(path)) if is_mat5(path) else _names_hdf5(path)
        return Header(names, {}, recognise(names, {}))

    def read_table(self, path: Path, columns: Sequence[str] | None = None) -> tuple[pl.DataFrame, dict[str, str]]:
        """Reads the localisations.

        Args:
            path: A file of SMAP.
            columns: Names of the columns to read; all where None.

        Returns:
            The table, lengths in nm, and no metadata.

        Raises:
            DataError: The file is damaged, or holds localisations of several files.
        """
        wanted = None if columns is None else {*columns, _FILE_NUMBER}
        found = _read_mat5(path, wanted) if is_mat5(path) else _read_hdf5(path, wanted)
        _check_one_file(found.get(_FILE_NUMBER), path)
        table = pl.DataFrame({name: values for name, values in found.items() if columns is None or name in columns})
        return table, {}


def _check_one_file(numbers: np.ndarray | None, path: Path) -> None:
    """Refuses a table of several files, whose localisations lie on top of each other."""
    if numbers is not None and len(several := np.unique(numbers)) > 1:
        raise DataError(
            f"{path}: expected the localisations of one file of SMAP; found those of {len(several)} ({_FILE_NUMBER} "
            f"{', '.join(f'{number:g}' for number in several[:5])}). Save each file alone in SMAP"
        )


def _datasets(file: h5py.File) -> dict[str, h5py.Dataset]:
    """Fields that are columns as long as ``xnm``."""
    group = file[_ROOT][_TABLE]
    size = max(_required(group, "xnm").shape, default=0)
    found = {}
    for name in group:
        field = dataset(group, name)
        # an empty array of MATLAB is kept as its size, with a mark
        if field is None or not is_number(field.dtype) or attribute(field, "MATLAB_empty"):
            continue
        if _is_column(field.shape, size):
            found[str(name)] = field
    return found


def _required(group: h5py.Group, name: str) -> h5py.Dataset:
    found = dataset(group, name)
    if found is None:
        raise ValueError(f"no {name} in {_ROOT}.{_TABLE}")
    return found


def _is_column(shape: tuple[int, ...], size: int) -> bool:
    return sorted(shape) in ([size], sorted([1, size]))


def _names_hdf5(path: Path) -> tuple[str, ...]:
    with opened(path) as file:
        return tuple(_datasets(file))


def _read_hdf5(path: Path, wanted: set[str] | None) -> dict[str, np.ndarray]:
    with opened(path) as file:
        return {
            name: as_column(read_whole(field, path).ravel())
            for name, field in _datasets(file).items()
            if wanted is None or name in wanted
        }


def _fields_mat5(path: Path) -> dict[str, Matrix]:
    """Fields of ``saveloc.loc`` that are columns as long as ``xnm``."""
    root = variables(path)[_ROOT]
    fields = root.fields().get(_TABLE, root).fields()
    size = max(fields["xnm"].shape, default=0) if "xnm" in fields else 0
    return {name: field for name, field in fields.items() if field.is_number and _is_column(field.shape, size)}


def _read_mat5(path: Path, wanted: set[str] | None) -> dict[str, np.ndarray]:
    return {
        name: as_column(field.numbers().ravel())
        for name, field in _fields_mat5(path).items()
        if wanted is None or name in wanted
    }
