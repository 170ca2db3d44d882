"""Readers of parquet and of Arrow IPC: files (which Feather 2 is, too) and streams."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

import polars as pl

from locgraph.io.header import Header
from locgraph.io.layouts import recognise
from locgraph.io.readers.arrow_messages import FILE_MAGIC, STREAM_MARK, check_messages, schema_metadata
from locgraph.io.readers.base import FREE_ROWS, OpenFile, Reader, check_rows, damaged

SUFFIX: Final = ".parquet"

_PARQUET_MAGIC: Final = b"PAR1"
_OTHER_WRITERS: Final = ("ARROW:schema", "pandas")
"""Entries in which other libraries keep their types: nothing about the FOV."""
_SMALL: Final = 1 << 20  # bytes
_POLARS_ERRORS: Final = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
_ARROW_ERRORS: Final = (*_POLARS_ERRORS, OSError, ValueError, struct.error)


class ParquetReader(Reader):
    """Reads any file that starts as parquet does, whatever its name."""

    kind = "parquet"

    @classmethod
    def accepts(cls, file: OpenFile) -> bool:
        """Return whether ``file`` starts with the parquet mark."""
        return file.head.startswith(_PARQUET_MAGIC)

    def read_header(self) -> Header:
        """Read the end of the file only."""
        try:
            names = tuple(pl.scan_parquet(self.path, glob=False).collect_schema().names())
            metadata = _read_metadata(self.path)
        except _POLARS_ERRORS as error:
            raise damaged(self.path, "parquet file", error) from error
        return Header(names, metadata, recognise(names, metadata))

    def read_table(self, columns: Sequence[str] | None = None) -> tuple[pl.DataFrame, dict[str, str]]:
        """Read the table, and the file's metadata."""
        table = _read_table(self.path, self.file.size, columns)
        return table, dict(self.header.metadata)


class ArrowReader(Reader):
    """Reads any file that starts as Arrow IPC does, whatever its name.

    polars panics on damaged metadata and asks for as much memory as a damaged file states: `check_messages` looks at
    the sizes before.
    """

    kind = "arrow"

    @classmethod
    def accepts(cls, file: OpenFile) -> bool:
        """Return whether ``file`` starts with the mark of a file, or as the schema that a stream starts with."""
        return file.head.startswith(FILE_MAGIC) or _is_stream(file)

    def read_header(self) -> Header:
        """Read the schema, and the sizes of what follows."""
        try:
            metadata = self._checked_metadata
            if self._is_file:
                names = tuple(pl.scan_ipc(self.path, glob=False).collect_schema().names())
            else:
                names = tuple(pl.read_ipc_stream(self.path, n_rows=0).columns)
        except _ARROW_ERRORS as error:
            raise damaged(self.path, "Arrow file or stream", error) from error
        return Header(names, metadata, recognise(names, metadata))

    def read_table(self, columns: Sequence[str] | None = None) -> tuple[pl.DataFrame, dict[str, str]]:
        """Read the table, and the metadata of its schema."""
        chosen = None if columns is None else list(columns)
        try:
            metadata = self._checked_metadata
            table = (pl.read_ipc if self._is_file else pl.read_ipc_stream)(self.path, columns=chosen)
        except _ARROW_ERRORS as error:
            raise damaged(self.path, "Arrow file or stream", error) from error
        return table, dict(metadata)

    @property
    def _is_file(self) -> bool:
        return self.file.head.startswith(FILE_MAGIC)

    @cached_property
    def _checked_metadata(self) -> dict[str, str]:
        """Metadata of a file or stream whose messages fit together."""
        rows = check_messages(self.file.content)
        check_rows(rows, self.file.size, FREE_ROWS)
        return _own_entries(schema_metadata(self.file.content))


def is_parquet(path: Path) -> bool:
    """Return whether ``path`` starts with the parquet mark."""
    with path.open("rb") as handle:
        return handle.read(len(_PARQUET_MAGIC)) == _PARQUET_MAGIC


def read_parquet(path: Path) -> tuple[pl.DataFrame, dict[str, str]]:
    """Return the table of a parquet file, and its metadata.

    Raises:
        DataError: The file is truncated or damaged.
    """
    return _read_table(path, path.stat().st_size), read_metadata(path)


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata of a parquet file, without what other libraries keep there for themselves.

    Raises:
        DataError: The file is truncated or damaged.
        OSError: It cannot be opened.
    """
    try:
        return _read_metadata(path)
    except _POLARS_ERRORS as error:
        raise damaged(path, "parquet file", error) from error


def read_names(path: Path) -> tuple[str, ...]:
    """Return the names of the columns of a parquet file.

    Raises:
        DataError: The file is truncated or damaged.
    """
    try:
        return tuple(pl.scan_parquet(path, glob=False).collect_schema().names())
    except _POLARS_ERRORS as error:
        raise damaged(path, "parquet file", error) from error


def _read_table(path: Path, size: int, columns: Sequence[str] | None = None) -> pl.DataFrame:
    chosen = None if columns is None else list(columns)
    try:
        if size < _SMALL:  # tables of objects are many and small: one query each, of no more rows than are free
            table = pl.read_parquet(path.read_bytes(), columns=chosen, n_rows=FREE_ROWS + 1)
            if table.height <= FREE_ROWS:
                return table
        check_rows(pl.scan_parquet(path, glob=False).select(pl.len()).collect().item(), size, FREE_ROWS)
        return pl.read_parquet(path, glob=False, columns=chosen)
    except (*_POLARS_ERRORS, ValueError) as error:
        raise damaged(path, "parquet file", error) from error


def _read_metadata(path: Path) -> dict[str, str]:
    return _own_entries(pl.read_parquet_metadata(path))


def _own_entries(metadata: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in metadata.items() if key not in _OTHER_WRITERS}


def _is_stream(file: OpenFile) -> bool:
    """Return whether a file starts with the mark of a message that fits into it."""
    head = file.head[:8]
    return head[:4] == STREAM_MARK and len(head) == 8 and 0 < struct.unpack("<i", head[4:])[0] <= file.size
