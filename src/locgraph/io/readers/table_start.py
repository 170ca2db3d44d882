"""Where a text table starts: the names of its columns and its first row, behind lines about the file."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from locgraph.errors import DataError
from locgraph.io.column_names import unnamed
from locgraph.io.columns import DUPLICATE

DELIMITERS: Final = (",", ";", "\t")
BLANKS: Final = " "
"""Stands for any number of blanks and tabs between fields."""

COMMENT: Final = "#"
_COMMENTS: Final = (COMMENT, "%")
_SAMPLE_ROWS: Final = 200
_MOST_LINES_ABOVE: Final = 20  # a header is looked for among so many lines

_KEY_AND_VALUE: Final = re.compile(r"\w+:( .*)?")
_OF_EXCEL: Final = re.compile(r'"?sep=.?"?', re.IGNORECASE)
_BETWEEN_BLANKS: Final = re.compile(r"\s+(?![\[(])")  # a unit in brackets belongs to the name before it
_FRACTION: Final = re.compile(r"[+-]?\d*[.,]\d+(e[+-]?\d+)?|[+-]?\d+e[+-]?\d+", re.IGNORECASE)
_LENGTH: Final = re.compile(r"(nm|um|µm|μm|m|px|pix|pixels?)", re.IGNORECASE)
_OTHER_UNIT: Final = re.compile(r"(photons?|counts?|frames?|adu|a\.?u\.?|m?s|deg|rad|1|-)?", re.IGNORECASE)


@dataclass(frozen=True)
class TableStart:
    """The start of a text table.

    Attributes:
        names: Names of the columns as they are written; made of their positions where there is no header line.
        delimiter: What stands between fields of a row.
        above: Lines about the file, before the names.
        first: How many lines that are not blank stand before the first row.
        rows: Fields of the first rows, without blanks around them.
    """

    names: tuple[str, ...]
    delimiter: str
    above: tuple[str, ...]
    first: int
    rows: tuple[tuple[str, ...], ...]


def find_start(lines: Sequence[str], where: str) -> TableStart:
    """Find the names of the columns and the first row.

    Args:
        lines: The first lines of a file that are not blank.
        where: What to call the file in errors.

    Raises:
        DataError: The header does not fit the first row.
    """
    place = _place_of_header(lines)
    header = _unquoted(_without_mark(lines[place]))
    body = lines[place + 1 : place + 1 + _SAMPLE_ROWS]
    is_comment = lines[place].startswith(_COMMENTS)
    if not is_comment and _is_row(header):
        return _without_names(lines, place)
    delimiters = find_delimiters(header, body)
    if delimiters is None and is_comment:
        return _without_names(lines, place + 1)
    if delimiters is None or not _all_fit(header, body, delimiters):
        later = _later_header(lines, place)
        if later is not None:
            return find_start_at(lines, later, where)
        if delimiters is None and _is_title(header, body):
            return _without_names(lines, place + 1)
    return find_start_at(lines, place, where)


def find_start_at(lines: Sequence[str], place: int, where: str) -> TableStart:
    """Return the start of a table whose names stand on a line.

    Raises:
        DataError: They do not fit the first row.
    """
    header = _unquoted(_without_mark(lines[place]))
    first = place + 1
    body = lines[first : first + _SAMPLE_ROWS]
    of_header, of_rows = find_delimiters(header, body) or _longest(header)
    names = split_fields(header, of_header)
    rows = [split_fields(line, of_rows) for line in body]
    if of_rows == BLANKS:
        names = [name.rstrip(",;") for name in names]
    if rows and _are_units(rows[0]) and len(rows[0]) == len(names):
        names = [_with_unit(name, unit) for name, unit in zip(names, rows[0], strict=True)]
        first, rows = first + 1, rows[1:]
    names = _with_trailing(names, rows)
    if rows and len(rows[0]) != len(names):
        raise DataError(
            f"{where}: expected rows of {len(names)} fields, as in the header; found {len(rows[0])} in the first row. "
            "Export the file again with one name for each column"
        )
    return TableStart(tuple(names), of_rows, tuple(lines[:place]), first, tuple(map(tuple, rows)))


def _without_names(lines: Sequence[str], first: int) -> TableStart:
    """Return the start of a table without a header line: columns are called by their position."""
    body = lines[first : first + _SAMPLE_ROWS]

    def fit(delimiter: str) -> tuple[bool, bool, int]:
        fields = [split_fields(line, delimiter) for line in body[:2]]
        alike = len({len(row) for row in fields}) == 1 and len(fields[0]) > 1
        numbers = sum(map(is_number, fields[0]))
        return alike, numbers == len(fields[0]), numbers

    delimiter = max((*DELIMITERS, BLANKS), key=fit)
    rows = [tuple(split_fields(line, delimiter)) for line in body]
    names = tuple(unnamed(position) for position in range(1, len(rows[0]) + 1))
    return TableStart(names, delimiter, tuple(lines[:first]), first, tuple(rows))


def _is_title(header: str, body: Sequence[str]) -> bool:
    """Return whether a line is a title over rows without names: it has one field where they have several."""
    if not body or not _is_row(body[0]):
        return False
    rows = _without_names(body, 0)
    return len(rows.names) > 1 and rows.delimiter != BLANKS and _count_names(header, rows.delimiter) == 1


def _place_of_header(lines: Sequence[str]) -> int:
    """Return which of the lines that are not blank names the columns, behind those about the file."""
    comments = next((index for index, line in enumerate(lines) if not line.startswith(_COMMENTS)), len(lines))
    if comments:
        # some write the names themselves behind the mark of a comment: then a row of data follows
        is_row = comments == len(lines) or _is_row(lines[comments]) or _holds_number(lines[comments])
        return comments - 1 if is_row else comments
    fields = lines[0].split("\t")
    is_preamble = len(fields) > 2 and all(map(_KEY_AND_VALUE.fullmatch, fields))
    return 1 if len(lines) > 1 and (is_preamble or _OF_EXCEL.fullmatch(lines[0])) else 0


def _later_header(lines: Sequence[str], place: int) -> int | None:
    """Return a line further down that names as many columns as all rows below it have, where there is one."""
    for later in range(place + 1, min(place + _MOST_LINES_ABOVE, len(lines) - 1)):
        body = lines[later + 1 : later + 1 + _SAMPLE_ROWS]
        delimiters = find_delimiters(lines[later], body)
        if delimiters is None or BLANKS in delimiters or not _all_fit(lines[later], body, delimiters):
            continue
        names = split_fields(lines[later], delimiters[0])
        if any(len(split_fields(line, delimiters[1])) == len(names) for line in lines[place:later]):
            return None  # a row, and not about the file
        if all(names) and not any(map(is_number, names)) and any(map(is_number, split_fields(body[0], delimiters[1]))):
            return later
    return None


def find_delimiters(header: str, body: Sequence[str]) -> tuple[str, str] | None:
    """Return the delimiters of header and rows that make the header and the first row equally long, and long.

    Returns:
        None where none does. Blanks count where nothing else does, and a header may be written otherwise than the
        rows, as by NumPy.
    """
    if not body:
        return _longest(header)
    alike = [(mark, mark) for mark in DELIMITERS]
    others = [(mark, rows) for rows in ("\t", BLANKS) for mark in DELIMITERS if mark != rows]
    for choices in (alike, [(BLANKS, BLANKS)], others):
        fitting = [
            marks for marks in choices if _count_names(header, marks[0]) > 1 and _all_fit(header, body[:1], marks)
        ]
        if fitting:
            return max(fitting, key=lambda marks: _count_names(header, marks[0]))
    return None


def _longest(header: str) -> tuple[str, str]:
    mark = max(DELIMITERS, key=lambda mark: _count_names(header, mark))
    if _count_names(header, mark) == 1 and _count_names(header, BLANKS) > 1:
        mark = BLANKS
    return mark, mark


def _all_fit(header: str, body: Sequence[str], delimiters: tuple[str, str]) -> bool:
    """Return whether rows are as long as the header; they may all end with a delimiter."""
    names = _count_names(header, delimiters[0])
    rows = [split_fields(line, delimiters[1]) for line in body]
    return all(len(row) == names for row in rows) or all(len(row) == names + 1 and not row[-1] for row in rows)


def _count_names(header: str, delimiter: str) -> int:
    return len(split_fields(header, delimiter))


def split_fields(line: str, delimiter: str) -> list[str]:
    """Return the fields of a line, without blanks around them."""
    try:
        if delimiter != BLANKS:
            return [field.strip() for field in next(csv.reader([line], delimiter=delimiter), [])]
        if '"' in line:
            return next(csv.reader([line.strip()], delimiter=BLANKS, skipinitialspace=True), [])
    except csv.Error:  # such as the end of a line within it
        return line.split(delimiter)
    return _BETWEEN_BLANKS.split(line.strip())


def _without_mark(line: str) -> str:
    return line.lstrip("".join(_COMMENTS)) if line.startswith(_COMMENTS) else line


def _unquoted(header: str) -> str:
    """Return the header without quotes around the whole of it, which some versions of ThunderSTORM write."""
    fields = split_fields(header, ",")
    if len(fields) == 1 and header.lstrip().startswith('"') and any(mark in fields[0] for mark in DELIMITERS):
        return fields[0]
    return header


def _fields(line: str) -> list[str]:
    """Return the fields of a line by the delimiter that makes all, or else most, of them numbers.

    Blanks count where they make all fields numbers, or nothing else divides the line: a name may have blanks in it.
    """
    choices = [split_fields(line, mark) for mark in DELIMITERS]
    blanks = split_fields(line, BLANKS)
    if all(map(is_number, blanks)) or max(map(len, choices)) == 1:
        choices.append(blanks)

    def fit(fields: list[str]) -> tuple[bool, int, int]:
        numbers = sum(map(is_number, fields))
        return numbers == len(fields), numbers, len(fields)

    return max(choices, key=fit)


def _holds_number(line: str) -> bool:
    return any(map(is_number, _fields(line)))


def _is_row(line: str) -> bool:
    """Return whether a line holds data, and no names: numbers alone, or among others one that is no whole number.

    Three whole numbers or more, from 0 or 1 up, are names, as pandas writes them for a table without names.
    """
    fields = _fields(line)
    if any(map(_FRACTION.fullmatch, fields)):
        return True
    filled = [field for field in fields if field]
    counted = [[str(number + start) for number in range(len(filled))] for start in (0, 1)]
    return all(map(is_number, fields)) and not (len(filled) > 2 and filled in counted)


def _are_units(fields: Sequence[str]) -> bool:
    """Return whether a line states the units of the columns below their names: of two lengths at least."""
    plain = [field.strip("[]() ") for field in fields]
    lengths = sum(_LENGTH.fullmatch(field) is not None for field in plain)
    return lengths > 1 and all(_LENGTH.fullmatch(field) or _OTHER_UNIT.fullmatch(field) for field in plain)


def _with_unit(name: str, unit: str) -> str:
    plain = unit.strip("[]() ")
    return f"{name} [{plain}]" if plain.isalpha() else name


def _with_trailing(names: list[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the names, with one more where every row, but not the header, ends with a delimiter."""
    behind = len(names) + 1
    return [*names, ""] if rows and all(len(row) == behind and not row[-1] for row in rows) else names


def unique_names(names: Sequence[str]) -> list[str]:
    """Return the names stripped, made up where empty, and numbered where one comes again."""
    made: list[str] = []
    for position, raw in enumerate(names, start=1):
        name = raw.strip() or unnamed(position)
        repeat = made.count(name)
        while name in made:
            name = f"{raw.strip()}{DUPLICATE}{repeat - 1}"
            repeat += 1
        made.append(name)
    return made


def is_number(text: str, decimal_comma: bool = True) -> bool:
    """Return whether a text is a number, with a decimal point or, where allowed, a comma."""
    try:
        float(text.replace(",", ".", 1) if decimal_comma else text)
    except ValueError:
        return False
    return True
