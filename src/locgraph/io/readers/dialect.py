"""How a delimited text file is written: encoding, ends of lines, delimiter, decimal mark, header."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from locgraph.errors import DataError
from locgraph.io.columns import DUPLICATE

UTF_8: Final = "utf-8"
LATIN_1: Final = "latin-1"
_UTF_16: Final = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_LOOKED_AT: Final = 64

DELIMITERS: Final = (",", ";", "\t")
COMMENT: Final = "#"
_SAMPLE_ROWS: Final = 200
_KEY_AND_VALUE: Final = re.compile(r"\w+:( .*)?")
_OF_EXCEL: Final = re.compile(r'"?sep=.?"?', re.IGNORECASE)

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
        names: Names of the columns, no two the same.
        header_lines: Lines up to the first row of data, blank ones too.
        numeric: Columns that hold numbers, as far as the start of the file tells.
        doubtful: Columns in which 1,500 means fifteen hundred, or may mean that.
        preamble: Lines before the header, which say something of the file; empty where there are none.
        returns: Whether lines end with a carriage return alone.
        comments: Whether rows that start with ``#`` are none.
        quotes: Whether a field may stand in quotes.
    """

    encoding: str
    delimiter: str
    decimal_comma: bool
    names: tuple[str, ...]
    header_lines: int
    numeric: frozenset[str] = frozenset()
    doubtful: frozenset[str] = frozenset()
    preamble: str = ""
    returns: bool = False
    comments: bool = False
    quotes: bool = True


def sniff(head: bytes, whole: bool, where: str) -> Dialect:
    """Find the dialect of a file from its start.

    Args:
        head: First bytes of the file.
        whole: Whether these are all of its bytes.
        where: What to call the file in errors.

    Returns:
        The dialect.

    Raises:
        DataError: There is no header line, it is endless, or it does not fit the first row.
    """
    encoding = encoding_of(head)
    lines = _lines(head, encoding, whole, where)
    filled = [index for index, line in enumerate(lines) if line.strip()]
    if not filled:
        raise DataError(f"{where}: expected a header line and rows; found an empty file. Export it again")
    place = _place_of_header([lines[index] for index in filled])
    header = _unquoted(lines[filled[place]].lstrip(COMMENT))
    body = [lines[index] for index in filled[place + 1 : place + 1 + _SAMPLE_ROWS]]
    delimiter = _delimiter(header, body)
    rows = [[value.strip() for value in _fields(line, delimiter)] for line in body]
    names = unique_names(_with_trailing(_fields(header, delimiter), rows))
    _check(names, rows, where)
    columns = dict(zip(names, zip_longest(*rows, fillvalue=""), strict=False))
    comma = has_decimal_comma(value for row in rows for value in row)
    return Dialect(
        encoding=encoding,
        delimiter=delimiter,
        decimal_comma=comma is not False,
        names=tuple(names),
        header_lines=[*filled[place:], filled[place] + 1][1],
        numeric=frozenset(name for name in columns if _is_numeric(columns[name], comma is not False)),
        doubtful=frozenset(name for name in columns if not comma and any(map(may_be_grouped, columns[name]))),
        preamble="\n".join(lines[index] for index in filled[:place]),
        returns=ends_with_returns(decode(head, encoding)),
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


def _place_of_header(lines: list[str]) -> int:
    """Return which of the lines that are not blank names the columns, behind those about the file."""
    comments = next((index for index, line in enumerate(lines) if not line.startswith(COMMENT)), len(lines))
    if comments:
        # some write the names themselves behind the mark of a comment: then a row of data follows
        row = lines[comments] if comments < len(lines) else "0"
        return comments - 1 if any(map(_is_number, _fields(row, _delimiter(row, [])))) else comments
    fields = lines[0].split("\t")
    is_preamble = len(fields) > 2 and all(map(_KEY_AND_VALUE.fullmatch, fields))
    return 1 if len(lines) > 1 and (is_preamble or _OF_EXCEL.fullmatch(lines[0])) else 0


def _unquoted(header: str) -> str:
    """Return the header without quotes around the whole of it, which some versions of ThunderSTORM write."""
    fields = _fields(header, ",")
    if len(fields) == 1 and header.lstrip().startswith('"') and any(mark in fields[0] for mark in DELIMITERS):
        return fields[0]
    return header


def _fields(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:  # such as the end of a line within it
        return line.split(delimiter)


def _delimiter(header: str, body: list[str]) -> str:
    """Return the delimiter that makes header and first row equally long, and the header longest; else the latter."""

    def fit(delimiter: str) -> tuple[bool, int]:
        names = len(_fields(header, delimiter))
        values = len(_fields(body[0], delimiter)) if body else names
        return names == values and names > 1, names

    return max(DELIMITERS, key=fit)


def _with_trailing(names: list[str], rows: list[list[str]]) -> list[str]:
    """Return the names, with one more where every row, but not the header, ends with a delimiter."""
    behind = len(names) + 1
    return [*names, ""] if rows and all(len(row) == behind and not row[-1] for row in rows) else names


def unique_names(names: list[str]) -> list[str]:
    """Return the names stripped, made up where empty, and numbered where one comes again."""
    made: list[str] = []
    for index, raw in enumerate(names):
        name = raw.strip() or f"column_{index + 1}"
        repeat = made.count(name)
        while name in made:
            name = f"{raw.strip()}{DUPLICATE}{repeat - 1}"
            repeat += 1
        made.append(name)
    return made


def _check(names: list[str], rows: list[list[str]], where: str) -> None:
    if all(_is_number(name) for name in names):
        raise DataError(
            f"{where}: expected a header line with the names of the columns; found numbers ({', '.join(names[:6])}). "
            "Add a header line"
        )
    if rows and len(rows[0]) != len(names):
        raise DataError(
            f"{where}: expected rows of {len(names)} fields, as in the header; found {len(rows[0])} in the first row. "
            "Export the file again with one name for each column"
        )


def _is_numeric(column: tuple[str, ...], decimal_comma: bool) -> bool:
    """Return whether a column holds a number and little else.

    A few values that are no numbers leave it a column of numbers: their rows are refused and counted.
    """
    values = [value for value in column if value]
    numbers = sum(_is_number(value, decimal_comma) for value in values)
    return numbers > 0 and 2 * numbers >= len(values)


def _is_number(text: str, decimal_comma: bool = True) -> bool:
    try:
        float(text.replace(",", ".", 1) if decimal_comma else text)
    except ValueError:
        return False
    return True


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
