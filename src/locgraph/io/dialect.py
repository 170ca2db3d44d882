"""Finds how a delimited text file is written: encoding, delimiter, decimal mark, header."""

from __future__ import annotations

import codecs
import csv
import re
from dataclasses import dataclass
from typing import Final

from locgraph.errors import DataError

DELIMITERS: Final = (",", ";", "\t")
_SAMPLE_ROWS: Final = 200
_COMMA_NUMBER: Final = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?", re.IGNORECASE)
_POINT_NUMBER: Final = re.compile(r"[+-]?\d*\.\d+(e[+-]?\d+)?", re.IGNORECASE)


@dataclass(frozen=True)
class Dialect:
    """How a delimited text file is written.

    Attributes:
        encoding: ``utf-8``, ``utf-16`` or ``latin-1``.
        delimiter: Comma, semicolon or tab.
        decimal_comma: Whether 1,5 means one and a half.
        names: Names of the columns, no two the same.
        header_lines: Lines up to the first row of data, blank ones too.
        numeric: Columns that hold numbers, as far as the start of the file tells.
    """

    encoding: str
    delimiter: str
    decimal_comma: bool
    names: tuple[str, ...]
    header_lines: int
    numeric: frozenset[str]


def encoding_of(head: bytes) -> str:
    """Encoding of a text that starts with ``head``: UTF-16 by its mark, else UTF-8, else Latin-1."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        # not final: the head may end within a character
        codecs.getincrementaldecoder("utf-8")().decode(head.split(b"\0", 1)[0], final=False)
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def decode(content: bytes, encoding: str) -> str:
    """Text of ``content`` without a byte-order mark; a character cut at the end is left out."""
    return codecs.getincrementaldecoder(encoding)().decode(content, final=False).removeprefix("\ufeff")


def sniff(head: bytes, whole: bool, where: str) -> Dialect:
    """Finds the dialect of a file from its start.

    Args:
        head: First bytes of the file.
        whole: Whether these are all of its bytes.
        where: What to call the file in errors.

    Returns:
        The dialect.

    Raises:
        DataError: There is no header line, or it does not fit the first row.
    """
    encoding = encoding_of(head)
    end = b"\0" if encoding != "utf-16" else b""
    content = head.split(end, 1)[0] if end else head
    lines = decode(content, encoding).splitlines()
    if not whole and len(lines) > 1:
        lines.pop()  # it may be cut
    filled = [index for index, line in enumerate(lines) if line.strip()]
    if not filled:
        raise DataError(f"{where}: expected a header line and rows; found an empty file. Export it again")
    header = _unquoted(lines[filled[0]])
    body = [lines[index] for index in filled[1 : _SAMPLE_ROWS + 1]]
    delimiter = _delimiter(header, body)
    names = _unique(_fields(header, delimiter))
    rows = list(csv.reader(body, delimiter=delimiter))
    _check(names, rows, where)
    decimal_comma = _has_decimal_comma(rows)
    numeric = frozenset(
        name for index, name in enumerate(names) if _is_numeric([row[index : index + 1] for row in rows], decimal_comma)
    )
    return Dialect(encoding, delimiter, decimal_comma, tuple(names), [*filled, filled[0] + 1][1], numeric)


def _unquoted(header: str) -> str:
    """The header without quotes around the whole of it, which some versions of ThunderSTORM write."""
    fields = _fields(header, ",")
    if len(fields) == 1 and header.lstrip().startswith('"') and any(mark in fields[0] for mark in DELIMITERS):
        return fields[0]
    return header


def _fields(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter), [])


def _delimiter(header: str, body: list[str]) -> str:
    """The delimiter that makes header and first row equally long, and the header longest; else the latter alone."""

    def fit(delimiter: str) -> tuple[bool, int]:
        names = len(_fields(header, delimiter))
        found = len(_fields(body[0], delimiter)) if body else names
        return names == found and names > 1, names

    return max(DELIMITERS, key=fit)


def _unique(names: list[str]) -> list[str]:
    """Names stripped, made up where empty, and numbered where one comes again."""
    made: list[str] = []
    for index, raw in enumerate(names):
        name = raw.strip() or f"column_{index + 1}"
        repeat = made.count(name)
        while name in made:
            name = f"{raw.strip()}_duplicated_{repeat - 1}"
            repeat += 1
        made.append(name)
    return made


def _check(names: list[str], rows: list[list[str]], where: str) -> None:
    if all(_as_number(name, decimal_comma=True) is not None for name in names):
        raise DataError(
            f"{where}: expected a header line with the names of the columns; found numbers ({', '.join(names[:6])}). "
            "Add a header line"
        )
    if rows and len(rows[0]) > len(names):
        raise DataError(
            f"{where}: expected rows of {len(names)} fields, as in the header; found {len(rows[0])} in the first row. "
            "Export the file again with one name for each column"
        )


def _has_decimal_comma(rows: list[list[str]]) -> bool:
    values = [value.strip() for row in rows for value in row]
    return any(map(_COMMA_NUMBER.fullmatch, values)) and not any(map(_POINT_NUMBER.fullmatch, values))


def _is_numeric(column: list[list[str]], decimal_comma: bool) -> bool:
    """Whether a column, given as lists of no or one value, holds a number and little else.

    A few values that are no numbers leave it a column of numbers: their rows are refused and counted.
    """
    values = [cell[0].strip() for cell in column if cell and cell[0].strip()]
    numbers = sum(_as_number(value, decimal_comma) is not None for value in values)
    return numbers > 0 and 2 * numbers >= len(values)


def _as_number(text: str, decimal_comma: bool) -> float | None:
    try:
        return float(text.replace(",", ".", 1) if decimal_comma else text)
    except ValueError:
        return None
