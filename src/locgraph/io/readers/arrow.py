"""Reads Arrow IPC: files (which Feather 2 is, too) and streams."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from locgraph.errors import DataError
from locgraph.io.header import Header
from locgraph.io.layouts.known import recognise

FILE_MAGIC: Final = b"ARROW1"
STREAM_MARK: Final = b"\xff\xff\xff\xff"

_OTHER_WRITERS: Final = ("ARROW:schema", "pandas")  # how other libraries remember their types: says nothing of the FOV
_END: Final = STREAM_MARK + bytes(4)
"""Last bytes of a stream: without them it may have been cut between two of its batches."""
_SCHEMA: Final = 1
"""Number of a schema among the kinds of messages."""

_DAMAGE: Final = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError, struct.error)


class ArrowReader:
    """Reads any file that starts as Arrow IPC does, whatever its name."""

    def accepts(self, path: Path) -> bool:
        """Whether ``path`` starts with the mark of a file, or as the schema that a stream starts with."""
        with path.open("rb") as handle:
            head = handle.read(8)
        return head.startswith(FILE_MAGIC) or _is_stream(head, path.stat().st_size)

    def read_header(self, path: Path) -> Header:
        """Reads the schema only.

        Raises:
            DataError: The file is truncated or damaged.
        """
        try:
            if _is_file(path):
                names = tuple(pl.scan_ipc(path, glob=False).collect_schema().names())
            else:
                names = tuple(pl.read_ipc_stream(path, n_rows=0).columns)
            metadata = _metadata(path)
        except _DAMAGE as error:
            raise _damaged(path, error) from error
        return Header(names, metadata, recognise(names, metadata))

    def read_table(self, path: Path, columns: Sequence[str] | None = None) -> tuple[pl.DataFrame, dict[str, str]]:
        """Reads the table.

        Args:
            path: An Arrow IPC file or stream.
            columns: Names of the columns to read; all where None.

        Returns:
            The table, and the metadata of its schema.

        Raises:
            DataError: The file is truncated or damaged.
        """
        chosen = None if columns is None else list(columns)
        try:
            if _is_file(path):
                return pl.read_ipc(path, columns=chosen), _metadata(path)
            _check_end(path)
            return pl.read_ipc_stream(path, columns=chosen), _metadata(path)
        except _DAMAGE as error:
            raise _damaged(path, error) from error


def _damaged(path: Path, error: BaseException) -> DataError:
    return DataError(
        f"{path}: expected a whole Arrow file or stream; found one that is truncated or damaged ({error}). "
        "Write or copy the file again, or take it out of data.raw_dir"
    )


def _is_file(path: Path) -> bool:
    with path.open("rb") as handle:
        return handle.read(len(FILE_MAGIC)) == FILE_MAGIC


def _check_end(path: Path) -> None:
    with path.open("rb") as handle:
        handle.seek(-len(_END), 2)
        if handle.read() != _END:
            raise ValueError("the mark at the end of a stream is not there")


def _is_stream(head: bytes, size: int) -> bool:
    """Whether a file of ``size`` bytes starts with the mark of a message that fits into it."""
    return head[:4] == STREAM_MARK and len(head) == 8 and 0 < struct.unpack("<i", head[4:])[0] <= size


def _metadata(path: Path) -> dict[str, str]:
    """Metadata of the schema, which polars does not hand over: after ``format/*.fbs`` of apache/arrow.

    Raises:
        ValueError: The schema cannot be read.
        struct.error: The same.
    """
    with path.open("rb") as handle:
        if _is_file(path):
            handle.seek(-(4 + len(FILE_MAGIC)), 2)
            (size,) = struct.unpack("<i", handle.read(4))
            handle.seek(-(4 + len(FILE_MAGIC) + size), 2)
            footer = _Flat(handle.read(size))
            schema = footer.table(footer.root(), 1)
        else:
            footer = _Flat(handle.read(8 + struct.unpack("<i", handle.read(8)[4:])[0]))
            if footer.byte(footer.root(), 1) != _SCHEMA:
                raise ValueError("no schema at the start of the stream")
            schema = footer.table(footer.root(), 2)
    pairs = footer.tables(schema, 2)
    found = {footer.text(pair, 0): footer.text(pair, 1) for pair in pairs}
    return {key: value for key, value in found.items() if key not in _OTHER_WRITERS}


class _Flat:
    """The parts of a FlatBuffer that are needed here: tables in tables, lists of tables, texts and bytes."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def _read(self, form: str, position: int) -> int:
        if position < 0:
            raise ValueError(f"position {position} in the schema")
        return int(struct.unpack_from(f"<{form}", self._content, position)[0])

    def root(self) -> int:
        """Position of the outermost table."""
        return self._read("I", 0)

    def _field(self, table: int, number: int) -> int | None:
        """Position of a field; None where the table has none."""
        index = table - self._read("i", table)
        entry = 4 + 2 * number
        offset = self._read("H", index + entry) if entry < self._read("H", index) else 0
        return table + offset if offset else None

    def _target(self, table: int, number: int) -> int | None:
        field = self._field(table, number)
        return None if field is None else field + self._read("I", field)

    def byte(self, table: int, number: int) -> int:
        """A field of one byte; 0 where the table has none."""
        field = self._field(table, number)
        return 0 if field is None else self._read("B", field)

    def table(self, table: int, number: int) -> int:
        """Position of the table in a field.

        Raises:
            ValueError: There is none.
        """
        found = self._target(table, number)
        if found is None:
            raise ValueError("no schema")
        return found

    def tables(self, table: int, number: int) -> Iterator[int]:
        """Positions of the tables in a field that lists them."""
        start = self._target(table, number)
        count = 0 if start is None else self._read("I", start)
        if 4 * count > len(self._content):
            raise ValueError(f"{count} entries in a schema of {len(self._content)} bytes")
        for entry in range(count):
            position = (start or 0) + 4 + 4 * entry
            yield position + self._read("I", position)

    def text(self, table: int, number: int) -> str:
        """The text in a field; empty where the table has none."""
        start = self._target(table, number)
        if start is None:
            return ""
        return self._content[start + 4 : start + 4 + self._read("I", start)].decode()
