"""Reader of delimited text (CSV, TSV and what instruments make of them), in pieces, without losing rows."""

from __future__ import annotations

import io
import mmap
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Final

import polars as pl

from locgraph.errors import DataError
from locgraph.io.header import PREAMBLE, Header
from locgraph.io.layouts import recognise
from locgraph.io.readers.base import HEAD_BYTES, OpenFile, Reader
from locgraph.io.readers.columnar import SUFFIX as PARQUET_SUFFIX
from locgraph.io.readers.dialect import LATIN_1, UTF_8, Dialect, decode, encoding_of, sniff, split_lines
from locgraph.io.readers.table_start import COMMENT

_OTHERS: Final = (
    *(b"PAR1", b"ARROW1", b"\x89HDF", b"PK\x03\x04", b"MATLAB", b"\x93NUMPY", b"\x1f\x8b"),
    *(b"{", b"[", b"<"),  # JSON, XML
)
"""First bytes of other kinds of file, some of which look like text."""

_TAIL: Final = 1 << 16
_LONGEST_REASON: Final = 200

_RUN: Final = re.compile(rb"[ \t]+")
_AT_ENDS: Final = re.compile(rb"^ | (?=\r?$)", re.MULTILINE)
_IRREGULAR: Final = re.compile(rb"^ | (?=\r?$)|  |\t", re.MULTILINE)
"""Blanks that are no delimiter of one character."""


class DelimitedReader(Reader):
    """Reads text tables: comma, semicolon, tab or blanks between fields, decimal point or comma, a header line or none.

    Text is UTF-8, UTF-16, or else Latin-1. Lines before the header, such as comments behind ``#``, are kept as
    metadata. A NUL byte is refused, but for software that ends its tables with one.
    """

    kind = "delimited"

    @classmethod
    def accepts(cls, file: OpenFile) -> bool:
        """Return whether ``file`` starts with a line of text, and is not named as parquet."""
        head = file.head
        if file.path.suffix.lower() == PARQUET_SUFFIX or not head or head.startswith(_OTHERS):
            return False
        first = split_lines(decode(head, encoding_of(head)))[0]
        return all(char.isprintable() or char in "\t\xa0" for char in first)

    @cached_property
    def dialect(self) -> Dialect:
        """How the file is written, by its start."""
        return sniff(self.file.head, whole=len(self.file.head) < HEAD_BYTES, where=str(self.path))

    def read_header(self) -> Header:
        """Read the start of the file only.

        Raises:
            DataError: The file does not start with a header line that fits its rows.
        """
        metadata = {PREAMBLE: self.dialect.preamble} if self.dialect.preamble else {}
        return Header(self.dialect.names, metadata, recognise(self.dialect.names, metadata))

    def read_table(self, columns: Sequence[str] | None = None) -> tuple[pl.DataFrame, dict[str, str]]:
        """Read columns of numbers as Float64, others as text; what is not a number in them is null.

        Returns:
            The table without blank lines, and the lines before its header.

        Raises:
            DataError: The header does not fit the rows, numbers can be read in two ways, or the text is damaged.
        """
        dialect = self.dialect
        chosen = [name for name in dialect.names if columns is None or name in columns]
        doubtful = [name for name in chosen if name in dialect.doubtful]
        if doubtful:
            raise DataError(
                f"{self.path}: expected numbers that can be read in one way; found commas in {', '.join(doubtful)} "
                "that stand between thousands, as in 1,500, or may do so. Export the file without grouped thousands, "
                "with decimal points"
            )
        values = [as_number(name, dialect) if name in dialect.numeric else as_text(name) for name in chosen]
        ends_at_nul = self.header.layout is not None and self.header.layout.ends_at_nul
        return read_rows(self.file, dialect, values, ends_at_nul=ends_at_nul), dict(self.header.metadata)

    def read_text(self) -> pl.DataFrame:
        """Read every column as text, so that a name such as ``007`` stays as it is.

        Raises:
            DataError: The header does not fit the rows, or the text is damaged.
        """
        values = [as_text(name) for name in self.dialect.names]
        return read_rows(self.file, self.dialect, values, one_a_line=False)


def as_text(name: str) -> pl.Expr:
    """Return a column as text without blanks around it."""
    return pl.col(name).str.strip_chars()


def as_number(name: str, dialect: Dialect) -> pl.Expr:
    """Return a column as Float64; what is not a number, by the decimal mark of the table, is null."""
    text = as_text(name)
    if name in dialect.starred:
        text = text.str.strip_suffix("*")
    if dialect.decimal_comma:
        # with a decimal comma, a point would stand between thousands
        text = pl.when(~text.str.contains(".", literal=True)).then(text.str.replace(",", ".", literal=True))
    return text.cast(pl.Float64, strict=False)


def read_rows(
    file: OpenFile, dialect: Dialect, values: Sequence[pl.Expr], *, ends_at_nul: bool = False, one_a_line: bool = True
) -> pl.DataFrame:
    """Scan all columns as text and turn them into values in pieces, so that the text is never whole in memory.

    Args:
        file: The file.
        dialect: How it is written.
        values: Expressions over the columns, which are text.
        ends_at_nul: Whether the table may end with a NUL byte, with other things behind it.
        one_a_line: Whether to make sure that each line that is not blank is a row, so that a quote which is not closed
            swallows none.

    Returns:
        The values, without blank lines.

    Raises:
        DataError: The header does not fit the rows, a NUL byte is where there should be none, or lines are lost.
    """
    text = _Text(file, dialect, ends_at_nul)
    quoted = dialect.quotes and text.has_quotes()
    lines = text.count_rows() if quoted and one_a_line else None
    try:
        scan = pl.scan_csv(
            text.source,
            glob=False,
            has_header=False,
            skip_lines=dialect.header_lines,
            separator=dialect.delimiter,
            schema=dict.fromkeys(dialect.names, pl.String),
            quote_char='"' if quoted else None,
            comment_prefix=COMMENT if dialect.comments else None,
        )
        first, *others = dialect.names
        blank = pl.all_horizontal(as_text(first).fill_null("") == "", pl.col(others).is_null())
        table = scan.filter(~blank).select(values).collect(engine="streaming")
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        if dialect.encoding == UTF_8 and "utf-8" in str(error):
            latin = replace(dialect, encoding=LATIN_1)
            return read_rows(file, latin, values, ends_at_nul=ends_at_nul, one_a_line=one_a_line)
        raise DataError(
            f"{file.path}: expected rows of {len(dialect.names)} fields separated by {dialect.delimiter!r}, as in its "
            f"header; found otherwise ({' '.join(str(error).split())[:_LONGEST_REASON]}). Export the file "
            "again, or take it out of the folder"
        ) from error
    if lines not in (None, table.height):
        raise DataError(
            f"{file.path}: expected a row on each of {lines} lines; found {table.height} rows, so quotes do not "
            "enclose fields. Export the file again without quotes"
        )
    return table


class _Text:
    """The text of a table in UTF-8: the file itself where it is that, else its content in memory.

    Args:
        file: The file.
        dialect: How it is written.
        ends_at_nul: Whether the table may end with a NUL byte.

    Raises:
        DataError: There is a NUL byte where there should be none.
    """

    def __init__(self, file: OpenFile, dialect: Dialect, ends_at_nul: bool) -> None:
        self._file, self._dialect = file, dialect
        self.source: Path | bytes = file.path
        if dialect.encoding != UTF_8:
            self.source = decode(file.content[:], dialect.encoding).encode()
        nul = self._find(b"\0")
        if nul >= 0:
            self._check_nul(nul, ends_at_nul)
            self.source = self._slice(0, nul)
        if dialect.returns:
            self.source = self._slice(0, None).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if dialect.runs and _IRREGULAR.search(self._content()):
            self.source = _AT_ENDS.sub(b"", _RUN.sub(b" ", self._content()))

    def has_quotes(self) -> bool:
        """Return whether there are quotes below the header."""
        start = 0
        for _ in range(self._dialect.header_lines):
            start = self._find(b"\n", start) + 1
            if start == 0:
                return False
        return self._find(b'"', start) >= 0

    def count_rows(self) -> int:
        """Return the lines below the header that hold something.

        Raises:
            DataError: A quote is not closed on its line; to look for its end would take the memory of the whole file.
        """
        rows = 0
        self._file.handle.seek(0)
        lines = io.BytesIO(self.source) if isinstance(self.source, bytes) else self._file.handle
        for number, line in enumerate(lines, start=1):
            if number <= self._dialect.header_lines:
                continue
            if line.count(b'"') % 2:
                raise DataError(
                    f"{self._file.path}: expected quotes that are closed on their line; found one that is not on line "
                    f"{number}. Export the file again without quotes"
                )
            rows += self._is_row(line)
        return rows

    def _is_row(self, line: bytes) -> bool:
        if self._dialect.comments and line.startswith(COMMENT.encode()):
            return False
        delimiter = self._dialect.delimiter.encode()
        first, _, others = line.rstrip(b"\r\n").partition(delimiter)
        return bool(first.strip() or others.strip(delimiter))

    def _content(self) -> bytes | mmap.mmap:
        return self.source if isinstance(self.source, bytes) else self._file.content

    def _slice(self, start: int, stop: int | None) -> bytes:
        return self._content()[start:stop]

    def _find(self, what: bytes, start: int = 0) -> int:
        return self._content().find(what, start)

    def _check_nul(self, nul: int, ends_at_nul: bool) -> None:
        tail = decode(self._slice(nul + 1, nul + _TAIL), UTF_8).split("\n")
        rows = [line for line in tail if self._looks_like_row(line)]
        if rows or not ends_at_nul:
            behind = f", and rows behind it such as {rows[0][:60]!r}" if rows and ends_at_nul else ""
            raise DataError(
                f"{self._file.path}: expected text; found a NUL byte at position {nul}{behind}. The file is "
                "damaged, or not text at all: export or copy it again"
            )

    def _looks_like_row(self, line: str) -> bool:
        first, *others = line.strip("\0\r").split(self._dialect.delimiter)
        return len(others) == len(self._dialect.names) - 1 and first.strip().lstrip("+-").replace(".", "").isdecimal()
