"""How a delimited text file is written: encoding, ends of lines, delimiter, decimal mark, header."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from locgraph.errors import DataError
from locgraph.io.readers.table_start import BLANKS, COMMENT, find_start, is_number, unique_names

UTF_8: Final = "utf-8"
LATIN_1: Final = "latin-1"
_UTF_16: Final = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_LOOKED_AT: Final = 64

_STARRED: Final = re.compile(r"[+-]?[\d.]+(e[+-]?\d+)?\*", re.IGNORECASE)  # so GDSC SMLM marks computed values
_WITH_COMMA: Final = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?", re.IGNORECASE)
_WITH_POINT: Final = re.compile(r"[+-]?\d*\.\d+(e[+-]?\d+)?", re.IGNORECASE)
_EITHER: Final = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_UNGROUPED: Final = re.compile(r"[+-]?\d{4,}")
_GROUPED: Final = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?")


@dataclass(frozen=True)
class Dialect:
    """How a delimited text file is written.

    Attributes:
        encoding: As Python calls it.
        delimiter: What stands between fields.
        decimal_comma: Whether 1,5 means one and a half.
        names: Names of the columns, no two the same; made of their positions where there is no header line.
        header_lines: Lines up to the first row of data, blank ones too.
        numeric: Columns that hold numbers, as far as the start of the file tells.
        doubtful: Columns in which 1,500 means fifteen hundred, or may mean that.
        starred: Columns in which a star may stand behind a number.
        preamble: Lines before the header, which say something of the file; empty where there are none.
        returns: Whether lines end with a carriage return alone.
        comments: Whether rows that start with ``#`` are none.
        quotes: Whether a field may stand in quotes.
        runs: Whether any number of blanks and tabs counts as one delimiter.
    """

    encoding: str
    delimiter: str
    decimal_comma: bool
    names: tuple[str, ...]
    header_lines: int
    numeric: frozenset[str] = frozenset()
    doubtful: frozenset[str] = frozenset()
    starred: frozenset[str] = frozenset()
    preamble: str = ""
    returns: bool = False
    comments: bool = False
    quotes: bool = True
    runs: bool = False


def sniff(head: bytes, whole: bool, where: str) -> Dialect:
    """Find the dialect of a file from its start.

    Args:
        head: First bytes of the file.
        whole: Whether these are all of its bytes.
        where: What to call the file in errors.

    Returns:
        The dialect.

    Raises:
        DataError: There is nothing, a line without end, or a header that does not fit the first row.
    """
    encoding = encoding_of(head)
    lines = _lines(head, encoding, whole, where)
    filled = [index for index, line in enumerate(lines) if line.strip()]
    if not filled:
        raise DataError(f"{where}: expected a header line and rows; found an empty file. Export it again")
    start = find_start([lines[index] for index in filled], where)
    names = unique_names(start.names)
    columns = dict(zip(names, zip_longest(*start.rows, fillvalue=""), strict=False))
    starred = frozenset(name for name in columns if any(map(_STARRED.fullmatch, columns[name])))
    columns = {name: tuple(value.rstrip("*") for value in values) for name, values in columns.items()}
    comma = has_decimal_comma(value for values in columns.values() for value in values)
    return Dialect(
        encoding=encoding,
        delimiter=start.delimiter,
        decimal_comma=comma is not False,
        names=tuple(names),
        header_lines=[*filled, filled[-1] + 1][start.first],
        numeric=frozenset(name for name in columns if _is_numeric(columns[name], comma is not False)),
        doubtful=frozenset(name for name in columns if not comma and any(map(may_be_grouped, columns[name]))),
        starred=starred,
        preamble="\n".join(lines[index] for index in filled[: len(start.above)]),
        returns=ends_with_returns(decode(head, encoding)),
        comments=any(line.startswith(COMMENT) for line in start.above),
        runs=start.delimiter == BLANKS,
    )


def _lines(head: bytes, encoding: str, whole: bool, where: str) -> list[str]:
    """Return the lines of the table that are wholly in ``head``; what follows a NUL is no part of it."""
    text, nul, _ = decode(head, encoding).partition("\0")
    lines = split_lines(text)
    if nul and len(lines) > 1:
        lines.pop()  # it is cut
    elif not whole and not nul:
        lines.pop()  # it may be cut
        if len([line for line in lines if line.strip()]) < 2:
            raise DataError(
                f"{where}: expected a header line and rows; found a line that has not ended after {len(head)} bytes. "
                "Export the file again"
            )
    return lines


def _is_numeric(column: tuple[str, ...], decimal_comma: bool) -> bool:
    """Return whether a column holds a number and little else.

    A few values that are no numbers leave it a column of numbers: their rows are refused and counted.
    """
    values = [value for value in column if value]
    numbers = sum(is_number(value, decimal_comma) for value in values)
    return numbers > 0 and 2 * numbers >= len(values)


def has_decimal_comma(values: Iterable[str]) -> bool | None:
    """Return whether a comma is the decimal mark: 1,5 is one and a half to some, 1,500 fifteen hundred to others.

    It is where a number with a comma cannot be grouped thousands, or where the table writes thousands without grouping
    them; it is not where a number has a point.

    Args:
        values: What stands in the table, without blanks around it.

    Returns:
        True or False; None where every number with a comma may as well be grouped thousands.
    """
    texts = list(values)
    commas = [value for value in texts if _WITH_COMMA.fullmatch(value)]
    if not commas or any(map(_WITH_POINT.fullmatch, texts)):
        return False
    if any(not _EITHER.fullmatch(value) for value in commas):
        return True
    if any(_GROUPED.fullmatch(value) and not _EITHER.fullmatch(value) for value in texts):
        return False
    return True if any(map(_UNGROUPED.fullmatch, texts)) else None


def may_be_grouped(value: str) -> bool:
    """Return whether a number may be written with grouped thousands, as 1,500 or 1,500.2."""
    return _GROUPED.fullmatch(value) is not None


def encoding_of(head: bytes) -> str:
    """Return the encoding of a text by its first bytes: UTF-16 by its mark or its zeros, else UTF-8, else Latin-1."""
    marked = _UTF_16.get(head[:2])
    if marked is not None:
        return marked
    start = head[:_LOOKED_AT]
    for encoding, zeros, letters in (("utf-16-le", start[1::2], start[::2]), ("utf-16-be", start[::2], start[1::2])):
        if len(zeros) > 1 and not any(zeros) and all(letters):
            return encoding
    try:
        # not final: the head may end within a character
        codecs.getincrementaldecoder(UTF_8)().decode(head.split(b"\0", 1)[0], final=False)
    except UnicodeDecodeError:
        return LATIN_1
    return UTF_8


def decode(content: bytes, encoding: str) -> str:
    """Return the text of ``content`` without a byte-order mark; a character cut at the end is left out."""
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(content, final=False)
    return text.removeprefix("\ufeff")


def ends_with_returns(text: str) -> bool:
    """Return whether lines end with a carriage return alone, as on the Macintosh of old."""
    return "\n" not in text and "\r" in text


def split_lines(text: str) -> list[str]:
    r"""Return the lines of ``text``, which end with ``\n``, maybe behind ``\r``, or all with ``\r``."""
    if ends_with_returns(text):
        return text.split("\r")
    return [line.rstrip("\r") for line in text.split("\n")]
