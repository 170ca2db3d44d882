"""Reads Arrow IPC: files (which Feather 2 is, too) and streams."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import polars as pl

from locgraph.errors import DataError
from locgraph.io.header import Header
from locgraph.io.layouts.known import recognise
from locgraph.io.readers.arrow_messages import DAMAGE, FILE_MAGIC, STREAM_MARK, check_messages, is_file, schema_metadata

_OTHER_WRITERS: Final = ("ARROW:schema", "pandas")  # how other libraries remember their types: says nothing of the FOV
_DAMAGE: Final = (pl.exceptions.PolarsError, pl.exceptions.PanicException, *DAMAGE)


class ArrowReader:
    """Reads any file that starts as Arrow IPC does, whatever its name."""

    def accepts(self, path: Path) -> bool:
        """Whether ``path`` starts with the mark of a file, or as the schema that a stream starts with."""
        with path.open("rb") as handle:
            head = handle.read(8)
        return head.startswith(FILE_MAGIC) or _is_stream(head, path.stat().st_size)

    def read_header(self, path: Path) -> Header:
        """Reads the schema, and the sizes of what follows.

        Raises:
            DataError: The file is truncated or damaged.
        """
        try:
            check_messages(path)
            if is_file(path):
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
            check_messages(path)
            if is_file(path):
                return pl.read_ipc(path, columns=chosen), _metadata(path)
            return pl.read_ipc_stream(path, columns=chosen), _metadata(path)
        except _DAMAGE as error:
            raise _damaged(path, error) from error


def _damaged(path: Path, error: BaseException) -> DataError:
    return DataError(
        f"{path}: expected a whole Arrow file or stream; found one that is truncated or damaged ({error}). "
        "Write or copy the file again, or take it out of data.raw_dir"
    )


def _is_stream(head: bytes, size: int) -> bool:
    """Whether a file of ``size`` bytes starts with the mark of a message that fits into it."""
    return head[:4] == STREAM_MARK and len(head) == 8 and 0 < struct.unpack("<i", head[4:])[0] <= size


def _metadata(path: Path) -> dict[str, str]:
    return {key: value for key, value in schema_metadata(path).items() if key not in _OTHER_WRITERS}
