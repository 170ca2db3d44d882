"""What the readers of HDF5 share: one open file, checks of sizes, texts; and a clear error for HDF5 of another kind.

Texts of any length are read without the HDF5 library, which on a damaged one asks for gigabytes or never ends: after
the HDF5 file format specification, "III.E. Global Heap", where such texts are kept, and "IV.A.2.m. The Attribute
Message", which points there. Every size is checked before it is used.
"""

from __future__ import annotations

import itertools
import math
import mmap
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NoReturn

import numpy as np
import polars as pl

from locgraph.errors import DataError
from locgraph.io.header import Header
from locgraph.io.readers.base import OpenFile, Reader, check_rows, damaged

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

_LONGEST_ATTRIBUTE: Final = 256
_FREE_BYTES: Final = 64 << 20
_SHOWN: Final = 8

_POINTER: Final = struct.Struct("<IQI")
"""What stands for a text: its length, the address of its heap, its number there."""
_HEAP: Final = b"GCOL\x01"
_OBJECT: Final = struct.Struct("<HHIQ")
"""What an object in a heap starts with: number, references, nothing, size; as long as what a heap starts with."""
_SIZES: Final = struct.Struct("<HHH")
"""Sizes of name, type and shape of an attribute."""


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
    if math.prod(about.shape) > _LONGEST_ATTRIBUTE or about.dtype.itemsize > _LONGEST_ATTRIBUTE:
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


def text_dataset(values: h5py.Dataset, file: OpenFile) -> str:
    """Return the text of a dataset that holds a single one.

    Raises:
        ValueError: It cannot be found.
    """
    position = values.id.get_offset()
    if position is None:
        raise ValueError(f"no text in {values.name}")
    return _text(file.content, position, values.file.userblock_size)


def text_attribute(hdf5: h5py.File, name: str, file: OpenFile) -> str:
    """Return the text of the first attribute of this name in a file.

    Raises:
        ValueError: It cannot be found.
    """
    ended = name.encode() + b"\0"
    content = file.content
    start = content.find(ended)
    while start >= 0:
        position = _value_position(content, start, len(ended))
        if position is not None:
            return _text(content, position, hdf5.userblock_size)
        start = content.find(ended, start + 1)
    raise ValueError(f"no text in the attribute {name}")


def _value_position(content: mmap.mmap, start: int, length: int) -> int | None:
    """Return the position of the value of the attribute whose name starts at ``start``; None where there is none."""
    for version, head, step in ((1, 8, 8), (2, 8, 1), (3, 9, 1)):  # only the first fills up to multiples of eight
        if start < head or content[start - head] != version:
            continue
        sizes = _SIZES.unpack_from(content, start - head + 2)
        if sizes[0] == length:
            return start + sum(size + -size % step for size in sizes)
    return None


def _text(content: mmap.mmap, position: int, base: int) -> str:
    """Return the text that the pointer at ``position`` stands for."""
    if position + _POINTER.size > len(content):
        raise ValueError(f"no text at {position}")
    length, address, wanted = _POINTER.unpack_from(content, position)
    for number, value in _objects(content, base + address):
        if number == wanted and len(value) >= length:
            return value[:length].decode(errors="replace")
    raise ValueError(f"no text {wanted} of {length} bytes in the heap at {address}")


def _objects(content: mmap.mmap, start: int) -> Iterator[tuple[int, bytes]]:
    """Yield the number and value of each object of the heap at ``start``."""
    if content[start : start + len(_HEAP)] != _HEAP or start + _OBJECT.size > len(content):
        raise ValueError(f"no heap of texts at {start}")
    end = start + _OBJECT.unpack_from(content, start)[3]
    position = start + _OBJECT.size
    while position + _OBJECT.size <= min(end, len(content)):
        number, _, _, size = _OBJECT.unpack_from(content, position)
        position += _OBJECT.size
        if number == 0 or position + size > min(end, len(content)):
            return  # what is left is free, or does not fit
        yield number, content[position : position + size]
        position += size + -size % 8


class UnknownHdf5Reader(Reader):
    """Refuses every HDF5 file, and lists its content: to be asked after the readers that know some."""

    kind = "unknownhdf5"

    @classmethod
    def accepts(cls, file: OpenFile) -> bool:
        """Return whether ``file`` is HDF5."""
        return is_hdf5(file)

    def read_header(self) -> Header:
        """Raise an error that lists the content."""
        self._refuse()

    def read_table(self, columns: Sequence[str] | None = None) -> tuple[pl.DataFrame, dict[str, str]]:
        """Raise an error that lists the content."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        with opened(self.file) as hdf5:
            names = [str(name) for name in hdf5]
        content = ", ".join(f"/{name}" for name in names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
        raise DataError(
            f"{self.path}: expected HDF5 of Picasso (a table /locs), DECODE (/data/xyz) or SMAP (/saveloc/loc); found "
            f"{content or 'nothing in it'}. Export its localisations as CSV, or take it out of the folder"
        )
