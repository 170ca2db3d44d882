"""Tables that say one thing of each field of view (FOV): its class, its patient."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

import polars as pl

from locgraph.errors import ConfigError, DataError
from locgraph.io.columns import DUPLICATE
from locgraph.io.rawfile import RawFile
from locgraph.io.readers.delimited import DelimitedReader
from locgraph.io.readers.parquet import ParquetReader
from locgraph.io.workbook import is_workbook, read_sheets

log = logging.getLogger(__name__)

MISSING: Final = ("", "nan", "na", "n/a")
"""What stands for a missing value, in small letters."""

_SHOWN: Final = 3
_HINTS: Final = 20  # FOVs without a row for which similar names are looked up,
_COMPARED: Final = 2000  # among so many rows: the search is slow


@dataclass(frozen=True)
class Lookup:
    """A table of two columns: the FOV and a value.

    Attributes:
        path: Parquet, delimited text or a workbook (Excel, LibreOffice).
        key_column: Column with the FOV: its path below the raw folder, with or without the suffix of its file; a
            backslash counts as ``/``.
        value_column: Column with the value.
        setting: Config group of these settings, for errors: ``labels`` or ``groups``.
        sheet: Sheet of a workbook; None for the only one that holds both columns.
    """

    path: Path
    key_column: str
    value_column: str
    setting: str
    sheet: str | None = None

    def __post_init__(self) -> None:
        for name, value in (("path", str(self.path)), ("column", self.key_column), ("column", self.value_column)):
            if not value or value == ".":
                raise ConfigError(f"{self.setting}: expected the {name} of a table; found an empty value")
        if self.key_column == self.value_column:
            raise ConfigError(
                f"{self.setting}: expected two columns; found {self.key_column!r} for the FOV and for its value"
            )

    def values(self) -> dict[str, list[str | None]]:
        """Reads the table. Rows that name no FOV are left out.

        Returns:
            FOV as the table names it -> its values, one for each of its rows; None where a value is missing, empty or
            NaN.

        Raises:
            DataError: The table is absent or unreadable, or lacks a column.
            ConfigError: A sheet is given, but the table is no workbook.
        """
        table = self._read()
        self._check_columns(table.columns)
        try:
            keys, values = table.select(_as_text(table, self.key_column), _as_text(table, self.value_column))
        except pl.exceptions.PolarsError as error:
            raise DataError(
                f"{self.path}: expected text or numbers in {self.key_column!r} and {self.value_column!r}; found "
                f"{table.schema[self.key_column]} and {table.schema[self.value_column]}. Change the column settings "
                f"of {self.setting}"
            ) from error
        found: dict[str, list[str | None]] = {}
        for key, value in zip(keys, values, strict=True):
            if key:
                found.setdefault(key, []).append(None if value is None or value.lower() in MISSING else value)
        return found

    def match(self, files: Sequence[RawFile]) -> tuple[dict[str, str], dict[str, str]]:
        """Finds the value of each FOV, and warns of rows that name none.

        Returns:
            FOV -> value, and FOV -> reason for those that have not exactly one.

        Raises:
            DataError: The table is absent or unreadable, or lacks a column.
            ConfigError: A sheet is given, but the table is no workbook.
        """
        found = self.values()
        owners = _owners(files, found)
        rows: dict[str, list[str | None]] = {}
        for key, fov_id in owners.items():
            rows.setdefault(fov_id, []).extend(found[key])
        strangers = [key for key in found if key not in owners]
        self._warn(strangers, len(found))
        matched: dict[str, str] = {}
        failures: dict[str, str] = {}
        for file in files:
            values = rows.get(file.fov_id, [])
            if len(values) == 1 and values[0] is not None:
                matched[file.fov_id] = values[0]
            elif values:
                failures[file.fov_id] = self._several_or_empty(file.fov_id, values)
            else:
                similar = strangers[:_COMPARED] if len(failures) < _HINTS else []
                failures[file.fov_id] = self._no_row(file.fov_id, similar, next(iter(found), None))
        return matched, failures

    def _warn(self, strangers: Sequence[str], names: int) -> None:
        """Warns of names in the table that mean no FOV: most often one is misspelt."""
        if strangers:
            log.warning(
                "%s: %d of the %d FOVs in its column %r have no file that can be read below data.raw_dir, such as %s",
                self.path,
                len(strangers),
                names,
                self.key_column,
                ", ".join(map(repr, strangers[:_SHOWN])),
            )

    def _read(self) -> pl.DataFrame:
        if not self.path.is_file():
            raise DataError(f"{self.setting}.path: expected a table at {self.path}; found none")
        if is_workbook(self.path):
            return self._sheet(read_sheets(self.path))
        if self.sheet is not None:
            raise ConfigError(
                f"{self.setting}.sheet: found {self.sheet!r}, but {self.path} is no workbook: set it to null"
            )
        if ParquetReader().accepts(self.path):
            return ParquetReader().read_table(self.path)[0]
        if DelimitedReader().accepts(self.path):
            return DelimitedReader().read_text(self.path)
        raise DataError(
            f"{self.setting}.path: expected parquet or delimited text with a header line or a workbook at {self.path}; "
            "found none of them"
        )

    def _sheet(self, sheets: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """The sheet that is meant."""
        if self.sheet is not None:
            chosen = sheets.get(str(self.sheet))
            if chosen is None:
                raise DataError(
                    f"{self.path}: expected the sheet {self.sheet!r}; found {', '.join(map(repr, sheets)) or 'none'}. "
                    f"Change {self.setting}.sheet"
                )
            return chosen
        if len(sheets) == 1:
            return next(iter(sheets.values()))
        fitting = [name for name, table in sheets.items() if {self.key_column, self.value_column} <= set(table.columns)]
        if len(fitting) != 1:
            raise DataError(
                f"{self.path}: expected one sheet with the columns {self.key_column!r} and {self.value_column!r}; "
                f"found {len(fitting)} among the sheets {', '.join(map(repr, sheets)) or 'none'}. Set "
                f"{self.setting}.sheet, or change the column settings of {self.setting}"
            )
        return sheets[fitting[0]]

    def _check_columns(self, found: Sequence[str]) -> None:
        wanted = (self.key_column, self.value_column)
        if not set(wanted) <= set(found):
            raise DataError(
                f"{self.path}: expected the columns {self.key_column!r} and {self.value_column!r}; found "
                f"{', '.join(map(repr, found)) or 'none'}. Change the column settings of {self.setting}"
            )
        twice = [name for name in wanted if f"{name}{DUPLICATE}0" in found]
        if twice:
            raise DataError(
                f"{self.path}: expected the column {twice[0]!r} once; found it twice. Which one is right is not known: "
                f"take one out, or change the column settings of {self.setting}"
            )

    def _several_or_empty(self, fov_id: str, values: Sequence[str | None]) -> str:
        if len(values) > 1:
            shown = ", ".join("nothing" if value is None else value for value in values)
            return (
                f"expected one row for {fov_id} in {self.path}; found {len(values)} ({self.value_column}: {shown}). "
                "Leave one row in the table"
            )
        return (
            f"expected a value in column {self.value_column!r} for {fov_id} in {self.path}; found an empty or NaN "
            "value. Fill it in, or take the file out of data.raw_dir"
        )

    def _no_row(self, fov_id: str, others: Sequence[str], example: str | None) -> str:
        near = get_close_matches(fov_id, others, n=_SHOWN, cutoff=0.5)
        if near:
            hint = f"no such {self.key_column}, but {' and '.join(map(repr, near))} without a file"
        else:
            hint = "no rows at all" if example is None else f"no such {self.key_column} (the first is {example})"
        return (
            f"expected a row for {fov_id} in {self.path}; found {hint}. A FOV is named by its path below "
            "data.raw_dir, with or without suffix"
        )


def _owners(files: Sequence[RawFile], keys: Mapping[str, object]) -> dict[str, str]:
    """Name in the table -> FOV that it means; without the names that mean none.

    A name that is a FOV's own belongs to it alone; otherwise the name may have the suffix of the file, and backslashes.
    """
    own = {file.fov_id for file in files}
    spellings: dict[str, str] = {}
    for suffix in (False, True):  # all names without suffix first: a FOV may be called as the file of another
        for file in files:
            spellings.setdefault(_plain(file.fov_id + suffix * file.path.suffix), file.fov_id)
    found = {key: key if key in own else spellings.get(_plain(key)) for key in keys}
    return {key: fov_id for key, fov_id in found.items() if fov_id is not None}


def _plain(name: str) -> str:
    """A name with ``/`` and composed letters: file systems and spreadsheets differ in both."""
    return unicodedata.normalize("NFC", name.replace("\\", "/").removeprefix("./"))


def _as_text(table: pl.DataFrame, name: str) -> pl.Series:
    """A column as text: whole numbers without a point; null where NaN."""
    column = table[name]
    if column.dtype.is_float():
        column = column.fill_nan(None)
        if (column == column.round()).all():
            column = column.cast(pl.Int64)  # a gap turns integers into floats in many writers
    return column.cast(pl.String).str.strip_chars()
