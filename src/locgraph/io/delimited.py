"""Reads delimited text: CSV, TSV and what instruments make of them."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import polars as pl

from locgraph.errors import DataError
from locgraph.io.dialect import Dialect, decode, encoding_of, sniff
from locgraph.io.parquet import SUFFIX as PARQUET_SUFFIX

HEAD_BYTES: Final = 1 << 16
"""How much of a file is read to find its dialect."""

_BINARY: Final = (b"PAR1", b"\x89HDF", b"PK\x03\x04", b"MATLAB", b"\x93NUMPY")


class DelimitedReader:
    """Reads text tables with one header line: comma, semicolon or tab, decimal point or comma.

    Text is UTF-8, UTF-16 with a byte-order mark, or else Latin-1. What follows a NUL byte is left out: some instruments
    append their settings there.
    """

    def accepts(self, path: Path) -> bool:
        """Whether ``path`` starts with a line of text, and is not named as parquet."""
        head = _head(path)
        if path.suffix.lower() == PARQUET_SUFFIX or not head or head.startswith(_BINARY):
            return False
        lines = decode(head, encoding_of(head)).splitlines()
        return bool(lines) and all(char.isprintable() or char == "\t" for char in lines[0])

    def read_header(self, path: Path) -> tuple[list[str], dict[str, str]]:
        """Reads the start of the file only.

        Returns:
            Names of the columns, and no metadata.

        Raises:
            DataError: The file does not start with a header line that fits its rows.
        """
        return list(_dialect(path).names), {}

    def read_table(self, path: Path, columns: Sequence[str] | None = None) -> tuple[pl.DataFrame, dict[str, str]]:
        """Reads the table: columns of numbers as Float64, others as text; what is not a number in them is null.

        Args:
            path: A text file.
            columns: Names of the columns to read; all where None.

        Returns:
            The table without blank lines, and no metadata.

        Raises:
            DataError: The header does not fit the rows, or the text cannot be decoded.
        """
        dialect = _dialect(path)
        chosen = [name for name in dialect.names if columns is None or name in columns]
        numbers = [_number(name, dialect) if name in dialect.numeric else _text(name) for name in chosen]
        return _collect(path, dialect, numbers), {}

    def read_text(self, path: Path) -> pl.DataFrame:
        """Reads every column as text, so that a name such as ``007`` stays as it is.

        Raises:
            DataError: The header does not fit the rows, or the text cannot be decoded.
        """
        dialect = _dialect(path)
        return _collect(path, dialect, [_text(name) for name in dialect.names])


def _head(path: Path) -> bytes:
    with path.open("rb") as handle:
        return handle.read(HEAD_BYTES)


def _dialect(path: Path) -> Dialect:
    head = _head(path)
    return sniff(head, whole=len(head) < HEAD_BYTES, where=str(path))


def _text(name: str) -> pl.Expr:
    return pl.col(name).str.strip_chars()


def _number(name: str, dialect: Dialect) -> pl.Expr:
    text = _text(name)
    if dialect.decimal_comma:
        text = text.str.replace(",", ".", literal=True)
    return text.cast(pl.Float64, strict=False)


def _collect(path: Path, dialect: Dialect, values: list[pl.Expr]) -> pl.DataFrame:
    """Scans all columns as text and turns them into values in pieces, so that the text is never whole in memory."""
    try:
        scan = pl.scan_csv(
            _source(path, dialect),
            glob=False,
            has_header=False,
            skip_rows=dialect.header_lines,
            separator=dialect.delimiter,
            schema=dict.fromkeys(dialect.names, pl.String),
        )
        blank = pl.all_horizontal(pl.all().is_null())
        return scan.filter(~blank).select(values).collect(engine="streaming")
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"{path}: expected rows of {len(dialect.names)} fields separated by {dialect.delimiter!r}, as in its "
            f"header; found otherwise ({error}). Export the file again, or take it out of data.raw_dir"
        ) from error


def _source(path: Path, dialect: Dialect) -> Path | bytes:
    """The file itself where it is plain UTF-8, else its text in UTF-8."""
    if dialect.encoding != "utf-8":
        text = decode(path.read_bytes(), dialect.encoding)
        return text.split("\0", 1)[0].encode()
    with path.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as view:
        end = view.find(b"\0")
        return path if end < 0 else view[:end]
