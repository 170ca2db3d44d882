"""One value for each field of view (FOV), its class or patient: from its name, a folder, or a table."""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

import polars as pl

from locgraph.errors import ConfigError, DataError
from locgraph.io.columns import DUPLICATE
from locgraph.io.header import RawFile
from locgraph.io.readers.base import OpenFile
from locgraph.io.readers.columnar import ParquetReader
from locgraph.io.readers.delimited import DelimitedReader
from locgraph.io.workbook import is_workbook, read_sheets

log = logging.getLogger(__name__)

MISSING: Final = ("", "nan", "na", "n/a")
"""What stands for a missing value, in small letters."""

_SHOWN: Final = 3
_HINTS: Final = 20  # FOVs without a row for which similar names are looked up,
_COMPARED: Final = 2000  # among so many rows: the search is slow


class NamePattern:
    """A regular expression, searched in ``fov_id``, whose first capture group is the value.

    Args:
        pattern: The regular expression.

    Raises:
        ConfigError: The pattern is no regular expression, or captures nothing.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        try:
            self._compiled = re.compile(pattern)
        except re.error as error:
            raise ConfigError(
                f"expected a regular expression; found {pattern!r} ({error})", setting="pattern"
            ) from error
        if not self._compiled.groups:
            raise ConfigError(
                f"expected a capture group, as in '^(patient[0-9]+)_'; found none in {pattern!r}", setting="pattern"
            )

    def find(self, fov_id: str) -> str | None:
        """Return the captured text; None where nothing matches, or the capture is empty."""
        match = self._compiled.search(fov_id)
        return (match[1] or None) if match else None


class FolderLevel:
    """A folder on the way from the raw folder to the file of a FOV.

    Args:
        level: 1 is the folder that holds the file, 2 the folder that holds this one, and so on.

    Raises:
        ConfigError: ``level`` is not 1 or more.
    """

    def __init__(self, level: int) -> None:
        if isinstance(level, bool) or not isinstance(level, int) or level < 1:
            raise ConfigError(f"expected 1 (the folder that holds the file) or more; found {level!r}", setting="level")
        self.level = level

    def find(self, fov_id: str) -> str | None:
        """Return the name of the folder, without those above it; None where there are fewer folders."""
        folders = fov_id.split("/")[:-1]
        return folders[-self.level] if len(folders) >= self.level else None


@dataclass(frozen=True)
class Lookup:
    """A table (parquet, delimited text or a workbook) of two columns: the FOV and its value.

    Attributes:
        path: The table.
        key_column: Column with the FOV: its path below the raw folder, with or without the suffix of its file; a
            backslash counts as ``/``.
        value_column: Column with the value.
        kind: ``label`` or ``group``: names the argument of ``value_column`` in errors.
        sheet: Sheet of a workbook; None for the only one that holds both columns.
        part_column: Column with the name of an object in the FOV; None where each row is of a whole FOV.
    """

    path: Path
    key_column: str
    value_column: str
    kind: str
    sheet: str | None = None
    part_column: str | None = None

    def __post_init__(self) -> None:
        columns = {"fov_column": self.key_column, f"{self.kind}_column": self.value_column}
        for name, value in {"path": str(self.path), **columns}.items():
            if not value or value == ".":
                raise ConfigError("expected a value; found an empty one", setting=name)
        if self.key_column == self.value_column:
            raise ConfigError(
                f"expected two columns; found {self.key_column!r} for the FOV and for its {self.kind}",
                setting=f"{self.kind}_column",
            )

    def values(self) -> dict[str, list[str | None]]:
        """Read the table. Rows that name no FOV are left out.

        Returns:
            FOV as the table names it, with a slash and the object where rows are of objects -> its values, one for each
            of its rows; None where a value is missing, empty or NaN.

        Raises:
            DataError: The table is absent or unreadable, or lacks a column.
            ConfigError: A sheet is given, but the table is no workbook.
        """
        table = self._read()
        self._check_columns(table.columns)
        try:
            keys, values = table.select(as_text(table, self.key_column), as_text(table, self.value_column))
            if self.part_column is not None:
                keys = keys + "/" + as_text(table, self.part_column)
        except pl.exceptions.PolarsError as error:
            raise DataError(
                f"{self.path}: expected text or numbers in {self.key_column!r} and {self.value_column!r}; found "
                f"{table.schema[self.key_column]} and {table.schema[self.value_column]}. {self._change_columns}"
            ) from error
        by_key: dict[str, list[str | None]] = {}
        for key, value in zip(keys, values, strict=True):
            if key:
                by_key.setdefault(key, []).append(None if value is None or value.lower() in MISSING else value)
        return by_key

    def match(self, files: Sequence[RawFile]) -> tuple[dict[str, str], dict[str, str]]:
        """Find the value of each FOV, and warn of rows that name none.

        Returns:
            FOV -> value, and FOV -> reason for those that have not exactly one.

        Raises:
            DataError: The table is absent or unreadable, or lacks a column.
            ConfigError: A sheet is given, but the table is no workbook.
        """
        by_key = self.values()
        owners = find_owners(files, by_key)
        rows: dict[str, list[str | None]] = {}
        for key, fov_id in owners.items():
            rows.setdefault(fov_id, []).extend(by_key[key])
        strangers = [key for key in by_key if key not in owners]
        self._warn(strangers, len(by_key))
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
                failures[file.fov_id] = self._no_row(file.fov_id, similar, next(iter(by_key), None))
        return matched, failures

    def _warn(self, strangers: Sequence[str], names: int) -> None:
        """Warn of names in the table that mean no FOV: most often one is misspelt."""
        if strangers:
            log.warning(
                "%s: %d of the %d FOVs in its column %r have no file that can be read, such as %s",
                self.path,
                len(strangers),
                names,
                self.key_column,
                ", ".join(map(repr, strangers[:_SHOWN])),
            )

    @property
    def _change_columns(self) -> str:
        return f"Change fov_column or {self.kind}_column"

    def _read(self) -> pl.DataFrame:
        if not self.path.is_file():
            raise DataError(f"expected a table at {self.path}; found none", setting="path")
        if is_workbook(self.path):
            return self._sheet(read_sheets(self.path))
        if self.sheet is not None:
            raise ConfigError(f"found {self.sheet!r}, but {self.path} is no workbook: set it to null", setting="sheet")
        with OpenFile(self.path) as file:
            if ParquetReader.accepts(file):
                return ParquetReader(file).read_table()[0]
            if DelimitedReader.accepts(file):
                return DelimitedReader(file).read_text()
        raise DataError(
            f"expected parquet or delimited text with a header line or a workbook at {self.path}; found none of them",
            setting="path",
        )

    def _sheet(self, sheets: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """Return the sheet that is meant."""
        names = ", ".join(map(repr, sheets)) or "none"
        if self.sheet is not None:
            chosen = sheets.get(str(self.sheet))
            if chosen is None:
                raise DataError(
                    f"{self.path}: expected the sheet {self.sheet!r}; found {names}. Choose one of them",
                    setting="sheet",
                )
            return chosen
        if len(sheets) == 1:
            return next(iter(sheets.values()))
        fitting = [name for name, table in sheets.items() if {self.key_column, self.value_column} <= set(table.columns)]
        if len(fitting) != 1:
            raise DataError(
                f"{self.path}: expected one sheet with the columns {self.key_column!r} and {self.value_column!r}; "
                f"found {len(fitting)} among the sheets {names}. Choose one of them. {self._change_columns}",
                setting="sheet",
            )
        return sheets[fitting[0]]

    def _check_columns(self, present: Sequence[str]) -> None:
        wanted = {"fov_column": self.key_column, f"{self.kind}_column": self.value_column}
        wanted |= {"object_column": self.part_column} if self.part_column is not None else {}
        absent = [setting for setting, name in wanted.items() if name not in present]
        if absent:
            raise DataError(
                f"{self.path}: expected the columns {' and '.join(map(repr, wanted.values()))}; found "
                f"{', '.join(map(repr, present)) or 'none'}",
                setting=absent[0],
            )
        twice = [setting for setting, name in wanted.items() if f"{name}{DUPLICATE}0" in present]
        if twice:
            raise DataError(
                f"{self.path}: expected the column {wanted[twice[0]]!r} once; found it twice. Which one is right is "
                "not known: take one out, or choose another",
                setting=twice[0],
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
            "value. Fill it in, or take the file out of the folder"
        )

    def _no_row(self, fov_id: str, others: Sequence[str], example: str | None) -> str:
        near = get_close_matches(fov_id, others, n=_SHOWN, cutoff=0.5)
        if near:
            hint = f"no such {self.key_column}, but {' and '.join(map(repr, near))} without a file"
        else:
            hint = "no rows at all" if example is None else f"no such {self.key_column} (the first is {example})"
        return (
            f"expected a row for {fov_id} in {self.path}; found {hint}. A FOV is named by its path below the folder of "
            "all files, with or without suffix"
        )


def find_owners(files: Sequence[RawFile], keys: Mapping[str, object]) -> dict[str, str]:
    """Return name in the table -> FOV that it means; without the names that mean none.

    A name that is a FOV's own belongs to it alone; otherwise the name may have the suffix of the file, and backslashes.
    """
    own = {file.fov_id for file in files}
    spellings: dict[str, str] = {}
    for suffix in (False, True):  # all names without suffix first: a FOV may be called as the file of another
        for file in files:
            spellings.setdefault(_plain(file.fov_id + suffix * file.path.suffix), file.fov_id)
    owners = {key: key if key in own else spellings.get(_plain(key)) for key in keys}
    return {key: fov_id for key, fov_id in owners.items() if fov_id is not None}


def _plain(name: str) -> str:
    """Return a name with ``/`` and composed letters: file systems and spreadsheets differ in both."""
    return unicodedata.normalize("NFC", name.replace("\\", "/").removeprefix("./"))


def as_text(table: pl.DataFrame, name: str) -> pl.Series:
    """Return a column as text: whole numbers without a point; null where NaN."""
    column = table[name]
    if column.dtype.is_float():
        column = column.fill_nan(None)
        if (column == column.round()).all():
            column = column.cast(pl.Int64)  # a gap turns integers into floats in many writers
    return column.cast(pl.String).str.strip_chars()
