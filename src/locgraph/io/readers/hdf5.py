"""What the readers of HDF5 share: one open file, checks of sizes, and tables.

Every size is checked before it is used.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from locgraph.errors import DataError
from locgraph.io.readers.base import OpenFile, as_column, check_rows, damaged, is_number
from locgraph.io.readers.hdf5_texts import LONGEST_ATTRIBUTE, text_attribute

if TYPE_CHECKING:
    import h5py

_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
_STARTS: Final = (0, 512, 1024, 2048)
"""Where the signature may stand: others may write a block of their own before it, as MATLAB does."""

_DAMAGE: Final = (
    *(OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError),
    *(IndexError, MemoryError, OverflowError),
)
"""What h5py raises where the bytes of a file do not fit together."""

_FREE_BYTES: Final = 64 << 20
_BLOCK_ROWS: Final = 1 << 20


def is_hdf5(file: OpenFile) -> bool:
    """Return whether ``file`` has the signature of HDF5 where it may stand."""
    return any(file.head[start : start + len(_SIGNATURE)] == _SIGNATURE for start in _STARTS)


@contextmanager
def opened(file: OpenFile) -> Iterator[h5py.File]:
    """Give the HDF5 file, which is opened once; whatever h5py raises within the block becomes an error with its name.

    Raises:
        DataError: The file is truncated or damaged.
    """
    import h5py  # late: reading any other file needs none of it

    try:
        if "hdf5" not in file.views:
            file.views["hdf5"] = h5py.File(file.path, "r")
        yield file.views["hdf5"]
    except _DAMAGE as error:
        raise damaged(file.path, "HDF5 file", error) from error


def holds(file: OpenFile, test: Callable[[h5py.File], bool]) -> bool:
    """Return whether ``file`` is HDF5 that can be opened and passes ``test``."""
    if not is_hdf5(file):
        return False
    try:
        with opened(file) as hdf5:
            return test(hdf5)
    except DataError:
        return False


def dataset(group: h5py.Group, name: str) -> h5py.Dataset | None:
    """Return the dataset ``name`` of a group; None where there is no such name, or no values are behind it.

    Raises:
        ValueError: Its values are in another file, which the fingerprint of this one would not cover.
    """
    import h5py

    if group.get(name, getclass=True) is not h5py.Dataset:
        return None
    values = group[name]
    if values.is_virtual or values.external or values.file.filename != group.file.filename:
        raise ValueError(f"the values of {name} are kept in another file")
    return None if values.shape is None else values


def attribute(group: h5py.Group | h5py.Dataset, name: str, file: OpenFile) -> Any:
    """Return a short attribute, bytes as text; None where there is none.

    Raises:
        ValueError: It states that it is long, which only a damaged one does.
    """
    import h5py

    if name not in group.attrs:
        return None
    about = group.attrs.get_id(name)
    if about.shape is None:
        return None
    if about.dtype.kind == "O":
        is_text = h5py.check_string_dtype(about.dtype) is not None and about.shape == ()
        return text_attribute(group.file, name, file) if is_text else None
    if math.prod(about.shape) > LONGEST_ATTRIBUTE or about.dtype.itemsize > LONGEST_ATTRIBUTE:
        raise ValueError(f"an attribute {name} of the shape {about.shape}")
    value = group.attrs[name]
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def check_pieces(values: h5py.Dataset, file_size: int) -> None:
    """Refuse values that are not all there, and pieces (chunks) that state they are larger than they can be.

    Of a piece that cannot be found, HDF5 makes zeros; where the note on its compression is lost, it takes compressed
    bytes for numbers. Neither is an error to it.

    Raises:
        ValueError: A piece is not there, is larger than the file, has not the size of what is not compressed, or would
            grow to more than ``_FREE_BYTES`` and than the whole table.
    """
    check_filters(values)
    size = math.prod(values.shape) * values.dtype.itemsize
    if values.chunks is None:
        if values.id.get_storage_size() != size:
            raise ValueError(f"{values.id.get_storage_size()} bytes of values where {size} were to be")
        return
    grown = math.prod(values.chunks) * values.dtype.itemsize
    if grown > max(_FREE_BYTES, size):
        raise ValueError(f"pieces of {grown} bytes")
    resizing = _resizing_filters(values)
    for piece in _pieces(values):
        if piece.size > file_size:
            raise ValueError(f"a piece that is larger than the {file_size} bytes of the file")
        if piece.size != grown and all(piece.filter_mask >> number & 1 for number in resizing):
            raise ValueError(f"a piece of {piece.size} bytes where {grown} were to be")
        values.id.read_direct_chunk(piece.chunk_offset)  # unlike the reading of values, fails where it is not found


def check_filters(values: h5py.Dataset) -> None:
    """Refuse values compressed in a way for which HDF5 needs a plug-in, as PyTables may (blosc, lzo).

    Raises:
        DataError: They are.
    """
    import h5py

    steps = values.id.get_create_plist()
    for number in range(steps.get_nfilters()):
        code, _, _, name = steps.get_filter(number)
        if not h5py.h5z.filter_avail(code):
            called = name.decode(errors="replace") if name.isascii() and name else f"filter {code}"
            raise DataError(
                f"{values.file.filename}: expected {values.name} compressed by gzip, lzf or not at all; found "
                f"{called}, for which HDF5 needs a plug-in. Write the file again: h5repack -f GZIP=4 IN OUT, or "
                "ptrepack --complib=zlib --complevel=4 IN OUT"
            )


def _pieces(values: h5py.Dataset) -> Iterator[Any]:
    """Yield the record that HDF5 has of each piece.

    Raises:
        ValueError: One is not there.
    """
    steps = [range(0, side, step) for side, step in zip(values.shape, values.chunks, strict=True)]
    if values.id.get_num_chunks() != math.prod(map(len, steps)):
        raise ValueError(f"{values.id.get_num_chunks()} pieces of values where {math.prod(map(len, steps))} were to be")
    for place in itertools.product(*steps):
        piece = values.id.get_chunk_info_by_coord(place)
        if piece.byte_offset is None:
            raise ValueError(f"no piece of values at {place}")
        yield piece


def _resizing_filters(values: h5py.Dataset) -> list[int]:
    """Return the numbers of the steps that change the size of a piece: all but the shuffling of its bytes."""
    import h5py

    steps = values.id.get_create_plist()
    numbers = range(steps.get_nfilters())
    return [number for number in numbers if steps.get_filter(number)[0] != h5py.h5z.FILTER_SHUFFLE]


def read_whole(values: h5py.Dataset, file_size: int) -> np.ndarray:
    """Return all values of a dataset of one column, or of one for each axis.

    Raises:
        ValueError: It states more rows than its file has bytes, or more columns than there are axes.
    """
    rows = max(values.shape, default=1)
    check_rows(rows, file_size)
    if math.prod(values.shape) > 3 * rows:
        raise ValueError(f"{values.shape} values where a column was to be")
    check_pieces(values, file_size)
    return np.asarray(values[()])


def fields(dtype: np.dtype[Any], start: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of each field of a record that is a number: of several names where records are nested."""
    for name in dtype.names or ():
        if is_number(dtype[name]):
            yield (*start, name)
        else:
            yield from fields(dtype[name], (*start, name))


def read_fields(source: h5py.Dataset, paths: Mapping[str, tuple[str, ...]], file_size: int) -> pl.DataFrame:
    """Return columns of a table of records; in blocks, so that records and columns are not both whole in memory.

    Args:
        source: Records (N,).
        paths: Name of a column -> path of its field, see `fields`.
        file_size: Bytes of the file.

    Raises:
        ValueError: The table states more than its file can hold.
    """
    rows = source.shape[0]
    check_rows(rows, file_size)
    check_pieces(source, file_size)
    columns = {name: _empty_column(source.dtype, path, rows) for name, path in paths.items()}
    wanted = list(dict.fromkeys(path[0] for path in paths.values()))
    for start in range(0, rows if paths else 0, _BLOCK_ROWS):
        stop = min(start + _BLOCK_ROWS, rows)
        block = source.fields(wanted)[start:stop]
        for name, path in paths.items():
            values = block
            for part in path:
                values = values[part]
            columns[name][start:stop] = values
    return pl.DataFrame(columns)


def _empty_column(dtype: np.dtype[Any], path: tuple[str, ...], rows: int) -> np.ndarray:
    for part in path:
        dtype = dtype[part]
    return np.empty(rows, as_column(np.empty(0, dtype)).dtype)
