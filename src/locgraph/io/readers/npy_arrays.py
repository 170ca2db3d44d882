"""Reader of ``.npy`` of no known software: a table of records, or a matrix whose columns are named by position."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np

from locgraph.io.readers.arrays import ArraysReader, Column, matrix_columns
from locgraph.io.readers.base import OpenFile, damaged, is_number
from locgraph.io.readers.hdf5 import fields

NPY_MAGIC: Final = b"\x93NUMPY"
_DAMAGE: Final = (OSError, EOFError, ValueError, TypeError, KeyError, IndexError, SyntaxError, MemoryError)


class NpyReader(ArraysReader):
    """Reads the columns of one array."""

    kind = "npy"
    separator: ClassVar[str] = "/"

    @classmethod
    def accepts(cls, file: OpenFile) -> bool:
        """Return whether ``file`` starts as ``.npy`` does."""
        return file.head.startswith(NPY_MAGIC)

    def find_columns(self, part: str) -> Mapping[str, Column] | None:
        """Return the fields of records, or the columns of a matrix; the file has no parts."""
        values = self._values()
        if part:
            return None
        if values.dtype.names and values.ndim == 1:
            return {
                "/".join(path): Column(len(values), path[0], _field(path), self._values)
                for path in fields(values.dtype)
            }
        return matrix_columns("", values.shape, "/", self._values) if is_number(values.dtype) else {}

    def list_parts(self) -> Mapping[str, str]:
        """Return the shape of the array, and the names of its fields."""
        values = self._values()
        return {"an array": f"{' x '.join(map(str, values.shape))}, {', '.join(values.dtype.names or ())}".rstrip(", ")}

    def _values(self) -> np.ndarray:
        try:
            return open_npy(self.file)
        except _DAMAGE as error:
            raise damaged(self.path, ".npy file", error) from error


def _field(path: tuple[str, ...]) -> Any:
    def take(values: np.ndarray) -> np.ndarray:
        for name in path:
            values = values[name]
        return values

    return take


def open_npy(file: OpenFile) -> np.ndarray:
    """Return the array of a file, on disk until it is used.

    Raises:
        ValueError: It is not whole, states that its header is longer than the file, or holds Python objects.
    """
    head = file.head[: len(NPY_MAGIC) + 6]
    size = int.from_bytes(head[8:10] if head[6:7] == b"\1" else head[8:12], "little")
    if size > file.size:
        raise ValueError(f"a header of {size} bytes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of how the header is written
        values: np.ndarray = np.load(file.path, mmap_mode="r", allow_pickle=False)
    if isinstance(values, np.memmap) and values.offset + values.nbytes != file.size:
        raise ValueError(f"{file.size} bytes where its header makes it {values.offset + values.nbytes}")
    return values
