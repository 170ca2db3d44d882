"""One opened file, and the contract of the readers: each takes one kind of file apart."""

from __future__ import annotations

import mmap
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
import polars as pl

from locgraph.errors import DataError
from locgraph.io.header import Header
from locgraph.provenance import file_digest, handle_digest

HEAD_BYTES: Final = 1 << 16
"""How much of a file is kept to find out its kind, and the dialect of a text."""

FREE_ROWS: Final = 1_000_000
"""For `check_rows` of compressed tables; above these, positions that differ cannot be packed any tighter."""


class OpenFile:
    """A file that is opened once for all readers; only its first bytes are kept in memory.

    Args:
        path: The file.
        table: Path, within it, of what the user named as the table; None for none.

    Attributes:
        path: The file.
        table: What the user named as the table.
        handle: Its bytes, from any position.
        head: Its first bytes, `HEAD_BYTES` at most.
        size: Number of its bytes.
        views: Other ways to look into it that readers share, such as an open `h5py.File`; closed along with it.

    Raises:
        OSError: It cannot be opened.
    """

    def __init__(self, path: Path, table: str | None = None) -> None:
        self.path = path
        self.table = table
        self.handle = path.open("rb")
        self.head = self.handle.read(HEAD_BYTES)
        self.size = os.fstat(self.handle.fileno()).st_size
        self.views: dict[str, Any] = {}

    @cached_property
    def content(self) -> mmap.mmap:
        """The whole file, mapped into memory and read where it is looked at."""
        return mmap.mmap(self.handle.fileno(), 0, access=mmap.ACCESS_READ)

    def close(self) -> None:
        """Close the file; the map is released with the last array that looks into it."""
        self.__dict__.pop("content", None)
        while self.views:
            self.views.popitem()[1].close()
        self.handle.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Reader(ABC):
    """Reads one file of one kind.

    Args:
        file: The file, which `accepts` has accepted; it stays open while the reader is in use.

    Attributes:
        kind: Kind of file, in one word.
    """

    kind: ClassVar[str]

    def __init__(self, file: OpenFile) -> None:
        self.file = file

    @property
    def path(self) -> Path:
        """The file."""
        return self.file.path

    @classmethod
    @abstractmethod
    def accepts(cls, file: OpenFile) -> bool:
        """Return whether the content of ``file`` is of this kind."""

    @cached_property
    def header(self) -> Header:
        """Names of the columns, metadata and layout, which are parsed once."""
        return self.read_header()

    @abstractmethod
    def read_header(self) -> Header:
        """Read names of columns, metadata and layout, without the rows.

        Raises:
            DataError: The file is truncated or damaged, or holds no localisations.
        """

    @abstractmethod
    def read_table(self, columns: Sequence[str] | None = None) -> tuple[pl.DataFrame, dict[str, str]]:
        """Read the table.

        Args:
            columns: Names of the columns to read; all where None.

        Returns:
            The table in the units of the file, and the metadata.

        Raises:
            DataError: The file is truncated or damaged, or holds no localisations.
        """

    def companions(self) -> tuple[Path, ...]:
        """Return other files that decide what is read, such as settings beside this one."""
        return ()

    def digests(self) -> list[str]:
        """Return the digests of the file and of its companions: equal ones mean that equal localisations are read."""
        self.file.handle.seek(0)
        return [handle_digest(self.file.handle), *(file_digest(path) for path in self.companions())]


def damaged(
    where: Path | str, kind: str, error: BaseException, remedy: str = "Write or copy the file again"
) -> DataError:
    """Return the error for a file whose content does not fit together.

    Args:
        where: The file.
        kind: What was expected.
        error: What does not fit.
        remedy: What to do, other than to leave the file out.
    """
    reason = str(error) or type(error).__name__
    return DataError(
        f"{where}: expected a whole {kind}; found one that is truncated or damaged ({reason}). {remedy}, or take it "
        "out of the folder"
    )


def check_rows(rows: int, size: int, free: int = 0) -> None:
    """Refuse a table with more rows than its file has bytes, before memory is asked for.

    Args:
        rows: Number of rows that the file states.
        size: Number of bytes of the file.
        free: So many rows are not refused, however small the file: for formats that pack equal values tightly.

    Raises:
        ValueError: There are more.
    """
    if rows > max(size, free):
        raise ValueError(f"a table of {rows} rows in a file of {size} bytes")


def is_number(dtype: np.dtype[Any]) -> bool:
    """Return whether values of this type are single numbers."""
    return dtype.kind in "iufb" and dtype.subdtype is None


def as_column(values: np.ndarray) -> np.ndarray:
    """Return values in a type and byte order of this machine that a table can hold, in one piece.

    Args:
        values: Numbers (N,) of any type.
    """
    dtype = values.dtype.newbyteorder("=")
    if dtype.kind == "b":
        dtype = np.dtype(np.uint8)
    elif dtype.kind == "f":
        dtype = np.dtype(np.float32) if dtype.itemsize <= 4 else np.dtype(np.float64)
    return np.ascontiguousarray(values, dtype)
