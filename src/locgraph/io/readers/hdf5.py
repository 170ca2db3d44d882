"""What the readers of HDF5 files share: opening, errors, columns; and a clear word on HDF5 that none of them knows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from locgraph.errors import DataError
from locgraph.io.header import Header
from locgraph.io.readers.hdf5_text import text_attribute

if TYPE_CHECKING:
    import h5py

SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
_STARTS: Final = (0, 512, 1024, 2048)
"""Where the signature may stand: others may write a block of their own before it, as MATLAB does."""

_DAMAGE: Final = (
    *(OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError),
    *(IndexError, MemoryError, OverflowError),
)
"""What h5py raises where the bytes of a file do not fit together."""

_LONGEST_ATTRIBUTE: Final = 256
_FREE_BYTES: Final = 64 << 20
FREE_ROWS: Final = 1_000_000
"""For ``check_rows`` of compressed tables; above these, positions that differ cannot be packed any tighter."""
_SHOWN: Final = 8


def is_hdf5(path: Path) -> bool:
    """Whether ``path`` has the signature of HDF5 where it may stand."""
    with path.open("rb") as handle:
        for start in _STARTS:
            handle.seek(start)
            if handle.read(len(SIGNATURE)) == SIGNATURE:
                return True
    return False


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """Opens an HDF5 file; whatever h5py raises within the block becomes an error that names the file.

    Raises:
        DataError: The file is truncated or damaged.
    """
    import h5py  # late: reading any other file needs none of it

    try:
        with h5py.File(path, "r") as file:
            yield file
    except _DAMAGE as error:
        raise DataError(
            f"{path}: expected a whole HDF5 file; found one that is truncated or damaged "
            f"({str(error) or type(error).__name__}). Write or copy the file again, or take it out of data.raw_dir"
        ) from error


def holds(path: Path, test: Callable[[h5py.File], bool]) -> bool:
    """Whether ``path`` is an HDF5 file that can be opened and passes ``test``."""
    if not is_hdf5(path):
        return False
    try:
        with opened(path) as file:
            return test(file)
    except DataError:
        return False


def dataset(group: h5py.Group, name: str) -> h5py.Dataset | None:
    """The dataset ``name`` of a group; None where there is no such name, or no values are behind it.

    Raises:
        ValueError: Its values are in another file, which the fingerprint of this one would not cover.
    """
    import h5py

    if group.get(name, getclass=True) is not h5py.Dataset:
        return None
    found = group[name]
    if found.is_virtual or found.external or found.file.filename != group.file.filename:
        raise ValueError(f"the values of {name} are kept in another file")
    return None if found.shape is None else found


def attribute(group: h5py.Group | h5py.Dataset, name: str) -> Any:
    """A short attribute, bytes as text; None where there is none.

    Raises:
        ValueError: It says it is long, which only a damaged one does.
    """
    import h5py

    if name not in group.attrs:
        return None
    found = group.attrs.get_id(name)
    if found.shape is None:
        return None
    if found.dtype.kind == "O":
        is_text = h5py.check_string_dtype(found.dtype) is not None and found.shape == ()
        return text_attribute(group.file, name) if is_text else None
    if math.prod(found.shape) > _LONGEST_ATTRIBUTE or found.dtype.itemsize > _LONGEST_ATTRIBUTE:
        raise ValueError(f"an attribute {name} of the shape {found.shape}")
    value = group.attrs[name]
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def is_number(dtype: np.dtype[Any]) -> bool:
    """Whether values of this type are single numbers."""
    return dtype.kind in "iufb" and dtype.subdtype is None


def check_pieces(found: h5py.Dataset, path: Path) -> None:
    """Refuses values that are not all there, and pieces (chunks) that say they are larger than they can be.

    Of a piece that cannot be found, HDF5 makes zeros; where the note on its compression is lost, it takes compressed
    bytes for numbers. Neither is an error to it.

    Raises:
        ValueError: A piece is not there, is larger than the file, has not the size of what is not compressed, or would
            grow to more than ``_FREE_BYTES`` and than the whole table.
    """
    size = math.prod(found.shape) * found.dtype.itemsize
    if found.chunks is None:
        if found.id.get_storage_size() != size:
            raise ValueError(f"{found.id.get_storage_size()} bytes of values where {size} were to be")
        return
    grown = math.prod(found.chunks) * found.dtype.itemsize
    if grown > max(_FREE_BYTES, size):
        raise ValueError(f"pieces of {grown} bytes")
    resizing = _resizing_filters(found)
    for piece in _pieces(found):
        if piece.size > path.stat().st_size:
            raise ValueError(f"a piece that is larger than the {path.stat().st_size} bytes of the file")
        if piece.size != grown and all(piece.filter_mask >> number & 1 for number in resizing):
            raise ValueError(f"a piece of {piece.size} bytes where {grown} were to be")
        found.id.read_direct_chunk(piece.chunk_offset)  # unlike the reading of values, fails where it is not found


def _pieces(found: h5py.Dataset) -> Iterator[Any]:
    """What HDF5 knows of each piece.

    Raises:
        ValueError: One is not there.
    """
    steps = [range(0, side, step) for side, step in zip(found.shape, found.chunks, strict=True)]
    if found.id.get_num_chunks() != math.prod(map(len, steps)):
        raise ValueError(f"{found.id.get_num_chunks()} pieces of values where {math.prod(map(len, steps))} were to be")
    for place in itertools.product(*steps):
        piece = found.id.get_chunk_info_by_coord(place)
        if piece.byte_offset is None:
            raise ValueError(f"no piece of values at {place}")
        yield piece


def _resizing_filters(found: h5py.Dataset) -> list[int]:
    """Numbers of the steps that change the size of a piece: all but the shuffling of its bytes."""
    import h5py

    steps = found.id.get_create_plist()
    numbers = range(steps.get_nfilters())
    return [number for number in numbers if steps.get_filter(number)[0] != h5py.h5z.FILTER_SHUFFLE]


def check_rows(rows: int, path: Path, free: int = 0) -> None:
    """Refuses a table that says it has more rows than its file has bytes, before memory is asked for.

    Args:
        rows: What it says.
        path: Its file.
        free: So many rows are not refused, however small the file: for formats that pack equal values tightly.

    Raises:
        ValueError: It does.
    """
    size = path.stat().st_size
    if rows > max(size, free):
        raise ValueError(f"a table of {rows} rows in a file of {size} bytes")


def read_whole(found: h5py.Dataset, path: Path) -> np.ndarray:
    """All values of a dataset of one column, or of one for each axis.

    Raises:
        ValueError: It says it has more rows than its file has bytes, or more columns than there are axes.
    """
    rows = max(found.shape, default=1)
    check_rows(rows, path)
    if math.prod(found.shape) > 3 * rows:
        raise ValueError(f"{found.shape} values where a column was to be")
    check_pieces(found, path)
    return np.asarray(found[()])


def as_column(values: np.ndarray) -> np.ndarray:
    """Values in a type and byte order of this machine that a table can hold, in one piece.

    Args:
        values: Numbers (N,) of any type.
    """
    dtype = values.dtype.newbyteorder("=")
    if dtype.kind == "b":
        dtype = np.dtype(np.uint8)
    elif dtype.kind == "f":
        dtype = np.dtype(np.float32) if dtype.itemsize <= 4 else np.dtype(np.float64)
    return np.ascontiguousarray(values, dtype)


class UnknownHdf5Reader:
    """Refuses every HDF5 file, and says what is in it: to be asked after the readers that know some."""

    def accepts(self, path: Path) -> bool:
        """Whether ``path`` is HDF5."""
        return is_hdf5(path)

    def read_header(self, path: Path) -> Header:
        """Only raises.

        Raises:
            DataError: The file is damaged, or of a kind that is not known.
        """
        raise self._refusal(path)

    def read_table(self, path: Path, columns: Sequence[str] | None = None) -> tuple[pl.DataFrame, dict[str, str]]:
        """Only raises.

        Raises:
            DataError: The file is damaged, or of a kind that is not known.
        """
        raise self._refusal(path)

    @staticmethod
    def _refusal(path: Path) -> DataError:
        with opened(path) as file:
            names = [str(name) for name in file]
        found = ", ".join(f"/{name}" for name in names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
        return DataError(
            f"{path}: expected HDF5 of Picasso (a table /locs), DECODE (/data/xyz) or SMAP (/saveloc/loc); found "
            f"{found or 'nothing in it'}. Export its localisations as CSV, or take it out of data.raw_dir"
        )
