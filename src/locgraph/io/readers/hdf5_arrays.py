"""Reader of HDF5 of no known software, of MATLAB 7.3 too: columns by their path.

In MATLAB 7.3 (HDF5), arrays have their sides in reverse order, a structure is a group, and the fields of an array of
structures hold references to one value each, as ``MATLAB_class`` and the layout show in files that MATLAB writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from locgraph.errors import DataError
from locgraph.io.column_names import unnamed
from locgraph.io.header import path_key
from locgraph.io.readers.arrays import (
    DEEPEST,
    MOST_ARRAYS,
    MOST_COLUMNS,
    ArraysReader,
    Column,
    matrix_columns,
)
from locgraph.io.readers.base import OpenFile, check_rows, is_number
from locgraph.io.readers.hdf5 import attribute, check_pieces, dataset, fields, is_hdf5, opened, read_fields
from locgraph.io.readers.hdf5_frames import FrameColumn, frame_columns, read_frame

if TYPE_CHECKING:
    import h5py

_CLASS: Final = "MATLAB_class"
_NO_NUMBERS: Final = ("char", "cell", "string", "function_handle")
_NOT_LISTED: Final = ("#refs#", "#subsystem#", "_i_table")
"""Groups that MATLAB and PyTables keep for themselves: what references lead to, and indices."""


class Hdf5Reader(ArraysReader):
    """Reads any arrays of HDF5; links to other places and files are not followed."""

    kind = "hdf5"
    separator: ClassVar[str] = "/"

    @classmethod
    def accepts(cls, file: OpenFile) -> bool:
        """Return whether ``file`` is HDF5."""
        return is_hdf5(file)

    def find_columns(self, part: str) -> Mapping[str, Column] | None:
        """Return the columns below a group, or of a dataset."""
        columns: dict[str, Column] = {}
        is_there = not part
        with opened(self.file) as hdf5:
            frames: dict[str, dict[str, FrameColumn]] = {}
            for path, values in _datasets(hdf5):
                group = path.rpartition("/")[0]
                if group not in frames:
                    frames[group] = frame_columns(hdf5, group)
                rest = _below(group if frames[group] else path, part)
                if rest is not None:
                    is_there = True
                    columns |= self._frame_columns(hdf5, frames[group], rest) or self._columns(values, rest)
        return columns if is_there else None

    def list_parts(self) -> Mapping[str, str]:
        """Return path -> shape, and fields of records."""
        with opened(self.file) as hdf5:
            return {f"/{path}": _describe(values) for path, values in _datasets(hdf5)}

    def _columns(self, values: h5py.Dataset, path: str) -> dict[str, Column]:
        """Return the columns of one dataset."""
        is_matlab = _is_of_matlab(values, self.file)
        if is_matlab and attribute(values, _CLASS, self.file) in _NO_NUMBERS:
            return {}
        if values.dtype.names and len(values.shape) == 1:
            return self._record_columns(values, path)
        if is_matlab and _holds_references(values):
            return matrix_columns(path, values.shape[::-1], "/", self._loader(values.name, _follow))
        if not is_number(values.dtype):
            return {}
        shape = values.shape[::-1] if is_matlab else values.shape
        load = self._loader(values.name, lambda whole, _: whole[()].T if is_matlab else whole[()])
        return matrix_columns(path, shape, "/", load)

    def _frame_columns(self, hdf5: h5py.File, frame: Mapping[str, FrameColumn], path: str) -> dict[str, Column]:
        """Return the columns of a DataFrame of pandas."""
        start = f"{path}/" if path else ""
        return {
            f"{start}{name}": Column(hdf5[place.values].shape[0], f"{start}{name}", np.ravel, self._frame_loader(place))
            for name, place in frame.items()
        }

    def _frame_loader(self, place: FrameColumn) -> Callable[[], np.ndarray]:
        def load() -> np.ndarray:
            with opened(self.file) as hdf5:
                return read_frame(hdf5, {"": place}, self.file.size)[""].to_numpy()

        return load

    def _record_columns(self, values: h5py.Dataset, path: str) -> dict[str, Column]:
        """Return the fields of a table of records, also those of records and arrays within."""
        columns = {}
        start = f"{path}/" if path else ""
        for field in fields(values.dtype):
            name = f"{start}{'/'.join(field)}"
            columns[name] = Column(values.shape[0], name, np.ravel, self._field_loader(values.name, field))
        for name in values.dtype.names:
            inner = values.dtype[name].subdtype
            if inner and is_number(inner[0]) and len(inner[1]) == 1 and inner[1][0] <= MOST_COLUMNS:
                load = self._loader(values.name, _field(name))
                for index in range(inner[1][0]):
                    columns[f"{start}{name}/{unnamed(index + 1)}"] = Column(
                        values.shape[0], f"{start}{name}", _part(index), load
                    )
        return columns

    def _loader(self, name: str, read: Callable[[h5py.Dataset, OpenFile], np.ndarray]) -> Callable[[], np.ndarray]:
        def load() -> np.ndarray:
            with opened(self.file) as hdf5:
                values = dataset(hdf5, name)
                if values is None:
                    raise ValueError(f"no values at {name}")
                check_rows(max(values.shape, default=1), self.file.size)
                check_pieces(values, self.file.size)
                return read(values, self.file)

        return load

    def _field_loader(self, name: str, field: tuple[str, ...]) -> Callable[[], np.ndarray]:
        def load() -> np.ndarray:
            with opened(self.file) as hdf5:
                return read_fields(hdf5[name], {"": field}, self.file.size)[""].to_numpy()

        return load


def _field(name: str) -> Callable[[h5py.Dataset, OpenFile], np.ndarray]:
    return lambda values, _: values.fields(name)[()]


def _part(index: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda values: values[:, index]


def _datasets(hdf5: h5py.File) -> Iterator[tuple[str, h5py.Dataset]]:
    """Yield path and dataset of all that is in the file itself, groups before what they hold.

    Raises:
        DataError: There are too many.
    """
    import h5py

    groups, count = [("", hdf5, 0)], 0
    seen = {h5py.h5o.get_info(hdf5.id).addr}
    while groups:
        start, group, depth = groups.pop(0)
        for name in group:
            if name in _NOT_LISTED or group.get(name, getclass=True, getlink=True) is not h5py.HardLink:
                continue
            count += 1
            if count > MOST_ARRAYS:
                raise DataError(
                    f"{hdf5.filename}: expected at most {MOST_ARRAYS:,} groups and arrays; found more. Export the "
                    "localisations as CSV, or as one table"
                )
            path = f"{start}{name}"
            kind = group.get(name, getclass=True)
            if kind is h5py.Group and depth < DEEPEST:
                inner = group[name]
                address = h5py.h5o.get_info(inner.id).addr
                if address not in seen:  # links may turn in circles
                    seen.add(address)
                    groups.append((f"{path}/", inner, depth + 1))
            elif kind is h5py.Dataset and (values := dataset(group, name)) is not None:
                yield path, values


def _below(path: str, part: str) -> str | None:
    """Return a path as seen from a part of the file, empty for the part itself; None where it is elsewhere."""
    whole, start = path_key(path), path_key(part)
    if not start:
        return path
    if whole == start:
        return ""
    return path[len(start) + 1 :] if whole.startswith(f"{start}.") else None


def _is_of_matlab(values: h5py.Dataset, file: OpenFile) -> bool:
    return file.head.startswith(b"MATLAB 7.3") or attribute(values, _CLASS, file) is not None


def _holds_references(values: h5py.Dataset) -> bool:
    import h5py

    return h5py.check_ref_dtype(values.dtype) is h5py.Reference and 1 in values.shape


def _follow(values: h5py.Dataset, file: OpenFile) -> np.ndarray:
    """Return the single numbers that references lead to, NaN where one leads to an empty array.

    Raises:
        ValueError: One leads to something else.
    """
    hdf5 = values.file
    numbers = np.full(values.shape[::-1], np.nan)
    for index, reference in np.ndenumerate(values[()].T):
        value = hdf5[reference]
        if attribute(value, "MATLAB_empty", file):
            continue
        if not is_number(value.dtype) or value.size != 1:
            raise ValueError(f"{values.name} holds {value.shape} values where a number was to be")
        numbers[index] = np.ravel(value[()])[0]
    return numbers


def _describe(values: h5py.Dataset) -> str:
    shape = " x ".join(map(str, values.shape)) or "one value"
    return f"{shape}: {', '.join(values.dtype.names)}" if values.dtype.names else shape
