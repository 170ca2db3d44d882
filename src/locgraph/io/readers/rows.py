"""Reads the rows of delimited text in pieces, and never fewer of them than there are."""

from __future__ import annotations

import io
import mmap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import polars as pl

from locgraph.errors import DataError
from locgraph.io.readers.dialect import COMMENT, Dialect
from locgraph.io.readers.encoding import LATIN_1, UTF_8, decode

_TAIL: Final = 1 << 16
_TOLD: Final = 200


def as_text(name: str) -> pl.Expr:
    """A column as text without blanks around it."""
    return pl.col(name).str.strip_chars()


def as_number(name: str, dialect: Dialect) -> pl.Expr:
    """A column as Float64; what is not a number, by the decimal mark of the table, is null."""
    text = as_text(name)
    if dialect.decimal_comma:
        # with a decimal comma, a point would stand between thousands
        text = pl.when(~text.str.contains(".", literal=True)).then(text.str.replace(",", ".", literal=True))
    return text.cast(pl.Float64, strict=False)


def read_rows(
    path: Path, dialect: Dialect, values: Sequence[pl.Expr], *, ends_at_nul: bool = False, one_a_line: bool = True
) -> pl.DataFrame:
    """Scans all columns as text and turns them into values in pieces, so that the text is never whole in memory.

    Args:
        path: The file.
        dialect: How it is written.
        values: What to make of the columns, which are text.
        ends_at_nul: Whether the table may end with a NUL byte, with other things behind it.
        one_a_line: Whether to make sure that each line that is not blank is a row, so that a quote which is not closed
            swallows none.

    Returns:
        The values, without blank lines.

    Raises:
        DataError: The header does not fit the rows, a NUL byte is where there should be none, or lines are lost.
    """
    text = _Text(path, dialect, ends_at_nul)
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
            return read_rows(path, latin, values, ends_at_nul=ends_at_nul, one_a_line=one_a_line)
        raise DataError(
            f"{path}: expected rows of {len(dialect.names)} fields separated by {dialect.delimiter!r}, as in its "
            f"header; found otherwise ({' '.join(str(error).split())[:_TOLD]}). Export the file again, or take it out "
            "of data.raw_dir"
        ) from error
    if lines not in (None, table.height):
        raise DataError(
            f"{path}: expected a row on each of {lines} lines; found {table.height} rows, so quotes do not enclose "
            "fields. Export the file again without quotes"
        )
    return table


class _Text:
    """The text of a table in UTF-8: the file itself where it is that, else its content in memory.

    Args:
        path: The file.
        dialect: How it is written.
        ends_at_nul: Whether the table may end with a NUL byte.

    Raises:
        DataError: There is a NUL byte where there should be none.
    """

    def __init__(self, path: Path, dialect: Dialect, ends_at_nul: bool) -> None:
        self._path, self._dialect = path, dialect
        self.source: Path | bytes = path
        if dialect.encoding != UTF_8:
            self.source = decode(path.read_bytes(), dialect.encoding).encode()
        nul = self._find(b"\0")
        if nul >= 0:
            self._check_nul(nul, ends_at_nul)
            self.source = self._content()[:nul]
        if dialect.returns:
            self.source = self._content().replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def has_quotes(self) -> bool:
        """Whether there are quotes below the header."""
        start = 0
        for _ in range(self._dialect.header_lines):
            start = self._find(b"\n", start) + 1
            if start == 0:
                return False
        return self._find(b'"', start) >= 0

    def count_rows(self) -> int:
        """Lines below the header that hold something.

        Raises:
            DataError: A quote is not closed on its line; to look for its end would take the memory of the whole file.
        """
        rows = 0
        with io.BytesIO(self.source) if isinstance(self.source, bytes) else self.source.open("rb") as handle:
            for number, line in enumerate(handle, start=1):
                if number <= self._dialect.header_lines:
                    continue
                if line.count(b'"') % 2:
                    raise DataError(
                        f"{self._path}: expected quotes that are closed on their line; found one that is not on line "
                        f"{number}. Export the file again without quotes"
                    )
                rows += self._is_row(line)
        return rows

    def _is_row(self, line: bytes) -> bool:
        delimiter = self._dialect.delimiter.encode()
        first, _, others = line.rstrip(b"\r\n").partition(delimiter)
        return bool(first.strip() or others.strip(delimiter))

    def _content(self) -> bytes:
        return self.source if isinstance(self.source, bytes) else self.source.read_bytes()

    def _find(self, what: bytes, start: int = 0) -> int:
        if isinstance(self.source, bytes):
            return self.source.find(what, start)
        with self.source.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as view:
            return view.find(what, start)

    def _check_nul(self, nul: int, ends_at_nul: bool) -> None:
        tail = decode(self._content()[nul + 1 : nul + _TAIL], UTF_8).split("\n")
        rows = [line for line in tail if self._looks_like_row(line)]
        if rows or not ends_at_nul:
            behind = f", and rows behind it such as {rows[0][:60]!r}" if rows and ends_at_nul else ""
            raise DataError(
                f"{self._path}: expected text; found a NUL byte at position {nul}{behind}. The file is damaged, or "
                "not text at all: export or copy it again"
            )

    def _looks_like_row(self, line: str) -> bool:
        first, *others = line.strip("\0\r").split(self._dialect.delimiter)
        return len(others) == len(self._dialect.names) - 1 and first.strip().lstrip("+-").replace(".", "").isdecimal()
