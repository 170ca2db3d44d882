"""DataFrames that pandas wrote into HDF5 (``to_hdf``): columns of one type lie in a matrix, and their names elsewhere.

After ``pandas/io/pytables.py``. In the format ``fixed`` a group holds matrices ``blockN_values`` (N, k) and the names
of their columns in ``blockN_items``; in the format ``table`` a table of records, in which ``values_block_N`` are arrays
(k,) whose names are pickled in an attribute. Nothing is unpickled: names are the lines of text in the pickled list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import polars as pl

from locgraph.io.readers.base import as_column, check_rows, is_number
from locgraph.io.readers.hdf5 import check_pieces, dataset

if TYPE_CHECKING:
    import h5py

_MARK: Final = "pandas_type"
_TABLE: Final = "table"
_INDEX: Final = "index"
_BLOCK: Final = re.compile(r"block\d+_values")
_PICKLED: Final = re.compile(rb"^a?V([^\n]*)$", re.MULTILINE)
_LONGEST_NAMES: Final = 1 << 16
_MOST_COLUMNS: Final = 1024


class FrameColumn(NamedTuple):
    """Where a column is: its dataset, its field in a record, and its place in a matrix or in an array of a record."""

    values: str
    field: str | None = None
    place: int | None = None


def frame_columns(hdf5: h5py.File, path: str) -> dict[str, FrameColumn]:
    """Return name -> place of the columns of numbers of a DataFrame; none where the group ``path`` is no DataFrame.

    Raises:
        ValueError: Names and values do not fit each other.
    """
    import h5py

    if not path or hdf5.get(path, getclass=True) is not h5py.Group or _MARK not in hdf5[path].attrs:
        return {}
    table = dataset(hdf5, f"{path}/{_TABLE}")
    if table is not None and table.dtype.names and len(table.shape) == 1:
        return dict(_record_columns(table, f"{path}/{_TABLE}"))
    return dict(_block_columns(hdf5, path))


def _block_columns(hdf5: h5py.File, path: str) -> Iterator[tuple[str, FrameColumn]]:
    for block in hdf5[path]:
        if _BLOCK.fullmatch(block):
            values, items = (dataset(hdf5, f"{path}/{name}") for name in (block, block.replace("_values", "_items")))
            if values is None or items is None or not is_number(values.dtype) or len(values.shape) != 2:
                continue
            width = values.shape[1]
            if items.dtype.kind != "S" or items.shape != (width,) or width * items.dtype.itemsize > _LONGEST_NAMES:
                raise ValueError(f"{items.shape} names for the columns of {block} {values.shape}")
            for index, name in enumerate(items[()]):
                yield name.decode(errors="replace"), FrameColumn(f"{path}/{block}", place=index)


def _record_columns(table: h5py.Dataset, where: str) -> Iterator[tuple[str, FrameColumn]]:
    for field in table.dtype.names:
        dtype = table.dtype[field]
        if is_number(dtype) and field != _INDEX:
            yield field, FrameColumn(where, field)
        elif dtype.subdtype and is_number(dtype.subdtype[0]) and len(dtype.subdtype[1]) == 1:
            names = _pickled_names(table, f"{field}_kind")
            width = dtype.subdtype[1][0]
            if len(names) != width or width > _MOST_COLUMNS:
                raise ValueError(f"{len(names)} names for the {width} columns of {field}")
            for index, name in enumerate(names):
                yield name, FrameColumn(where, field, index)


def _pickled_names(table: h5py.Dataset, attribute: str) -> list[str]:
    about = table.attrs.get_id(attribute) if attribute in table.attrs else None
    if about is None or about.dtype.kind != "S" or about.shape != () or about.dtype.itemsize > _LONGEST_NAMES:
        return []
    return [name.decode("raw_unicode_escape") for name in _PICKLED.findall(bytes(table.attrs[attribute]))]


def read_frame(hdf5: h5py.File, columns: Mapping[str, FrameColumn], file_size: int) -> pl.DataFrame:
    """Return columns of a DataFrame.

    Raises:
        ValueError: Their values are not all there.
    """
    table: dict[str, np.ndarray] = {}
    loaded: dict[tuple[str, str | None], np.ndarray] = {}
    for name, column in columns.items():
        source = (column.values, column.field)
        if source not in loaded:
            values = dataset(hdf5, column.values)
            if values is None:
                raise ValueError(f"no values at {column.values}")
            check_rows(values.shape[0], file_size)
            check_pieces(values, file_size)
            loaded = {source: values.fields(column.field)[()] if column.field else values[()]}
        whole = loaded[source]
        table[name] = as_column(whole if column.place is None else whole[:, column.place])
    return pl.DataFrame(table)
