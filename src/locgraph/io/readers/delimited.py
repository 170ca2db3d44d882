"""Reads delimited text: CSV, TSV and what instruments make of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import polars as pl

from locgraph.errors import DataError
from locgraph.io.header import PREAMBLE, Header
from locgraph.io.layouts.known import recognise
from locgraph.io.readers.dialect import Dialect, sniff
from locgraph.io.readers.encoding import decode, encoding_of, split_lines
from locgraph.io.readers.parquet import SUFFIX as PARQUET_SUFFIX
from locgraph.io.readers.rows import as_number, as_text, read_rows

HEAD_BYTES: Final = 1 << 16
"""How much of a file is read to find its dialect."""

_OTHERS: Final = (
    *(b"PAR1", b"ARROW1", b"\x89HDF", b"PK\x03\x04", b"MATLAB", b"\x93NUMPY", b"\x1f\x8b"),
    *(b"{", b"[", b"<"),  # JSON, XML
)
"""How other kinds of file start, though some of them look like text."""


class DelimitedReader:
    """Reads text tables with one header line: comma, semicolon or tab, decimal point or comma.

    Text is UTF-8, UTF-16, or else Latin-1. Lines before the header that start with ``#``, or say ``key: value``, are
    kept as metadata. A NUL byte is refused, but for software that ends its tables with one.
    """

    def accepts(self, path: Path) -> bool:
        """Whether ``path`` starts with a line of text, and is not named as parquet."""
        head = _head(path)
        if path.suffix.lower() == PARQUET_SUFFIX or not head or head.startswith(_OTHERS):
            return False
        first = split_lines(decode(head, encoding_of(head)))[0]
        return all(char.isprintable() or char in "\t\xa0" for char in first)

    def read_header(self, path: Path) -> Header:
        """Reads the start of the file only.

        Raises:
            DataError: The file does not start with a header line that fits its rows.
        """
        return _header(_dialect(path))

    def read_table(self, path: Path, columns: Sequence[str] | None = None) -> tuple[pl.DataFrame, dict[str, str]]:
        """Reads the table: columns of numbers as Float64, others as text; what is not a number in them is null.

        Args:
            path: A text file.
            columns: Names of the columns to read; all where None.

        Returns:
            The table without blank lines, and what stands before its header.

        Raises:
            DataError: The header does not fit the rows, numbers can be read in two ways, or the text is damaged.
        """
        dialect = _dialect(path)
        chosen = [name for name in dialect.names if columns is None or name in columns]
        doubtful = [name for name in chosen if name in dialect.doubtful]
        if doubtful:
            raise DataError(
                f"{path}: expected numbers that can be read in one way; found commas in {', '.join(doubtful)} that "
                "stand between thousands, as in 1,500, or may do so. Export the file without grouped thousands, with "
                "decimal points"
            )
        numbers = [as_number(name, dialect) if name in dialect.numeric else as_text(name) for name in chosen]
        header = _header(dialect)
        ends_at_nul = header.layout is not None and header.layout.ends_at_nul
        return read_rows(path, dialect, numbers, ends_at_nul=ends_at_nul), dict(header.metadata)

    def read_text(self, path: Path) -> pl.DataFrame:
        """Reads every column as text, so that a name such as ``007`` stays as it is.

        Raises:
            DataError: The header does not fit the rows, or the text is damaged.
        """
        dialect = _dialect(path)
        return read_rows(path, dialect, [as_text(name) for name in dialect.names], one_a_line=False)


def _head(path: Path) -> bytes:
    with path.open("rb") as handle:
        return handle.read(HEAD_BYTES)


def _dialect(path: Path) -> Dialect:
    head = _head(path)
    return sniff(head, whole=len(head) < HEAD_BYTES, where=str(path))


def _header(dialect: Dialect) -> Header:
    metadata = {PREAMBLE: dialect.preamble} if dialect.preamble else {}
    return Header(dialect.names, metadata, recognise(dialect.names, metadata))
