"""Tables that say one thing of each field of view (FOV): its class, its patient."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from locgraph.errors import ConfigError, DataError
from locgraph.io.delimited import DelimitedReader
from locgraph.io.parquet import ParquetReader


@dataclass(frozen=True)
class Lookup:
    """A table of two columns: the FOV and a value.

    Attributes:
        path: Parquet or delimited text.
        key_column: Column with the FOV: its path below the raw folder, with ``/`` and without suffix.
        value_column: Column with the value.
        setting: Config group of these settings, for errors: ``labels`` or ``groups``.
    """

    path: Path
    key_column: str
    value_column: str
    setting: str

    def __post_init__(self) -> None:
        for name, value in (("path", str(self.path)), ("column", self.key_column), ("column", self.value_column)):
            if not value or value == ".":
                raise ConfigError(f"{self.setting}: expected the {name} of a table; found an empty value")
        if self.key_column == self.value_column:
            raise ConfigError(
                f"{self.setting}: expected two columns; found {self.key_column!r} for the FOV and for its value"
            )

    def values(self) -> dict[str, list[str | None]]:
        """Reads the table.

        Returns:
            FOV -> its values, one for each of its rows; None where a value is missing, empty or NaN.

        Raises:
            DataError: The table is absent or unreadable, or lacks a column.
        """
        table = self._read()
        absent = [name for name in (self.key_column, self.value_column) if name not in table.columns]
        if absent:
            raise DataError(
                f"{self.path}: expected the columns {self.key_column!r} and {self.value_column!r}; found "
                f"{', '.join(map(repr, table.columns))}. Change the column settings of {self.setting}"
            )
        found: dict[str, list[str | None]] = {}
        for key, value in table.select(_as_text(table, self.key_column), _as_text(table, self.value_column)).rows():
            found.setdefault(str(key), []).append(value)
        return found

    def match(self, fov_ids: list[str]) -> tuple[dict[str, str], dict[str, str]]:
        """Finds the value of each FOV.

        Returns:
            FOV -> value, and FOV -> reason for those that have not exactly one.

        Raises:
            DataError: The table is absent or unreadable, or lacks a column.
        """
        found = self.values()
        matched: dict[str, str] = {}
        failures: dict[str, str] = {}
        for fov_id in fov_ids:
            values = found.get(fov_id, [])
            if len(values) == 1 and values[0] is not None:
                matched[fov_id] = values[0]
            else:
                failures[fov_id] = self._reason(fov_id, values, next(iter(found), None))
        return matched, failures

    def _read(self) -> pl.DataFrame:
        if not self.path.is_file():
            raise DataError(f"{self.setting}.path: expected a table at {self.path}; found none")
        if ParquetReader().accepts(self.path):
            return ParquetReader().read_table(self.path)[0]
        if DelimitedReader().accepts(self.path):
            return DelimitedReader().read_text(self.path)
        raise DataError(
            f"{self.setting}.path: expected parquet or delimited text with a header line at {self.path}; found neither"
        )

    def _reason(self, fov_id: str, values: list[str | None], example: str | None) -> str:
        if len(values) > 1:
            shown = ", ".join("nothing" if value is None else value for value in values)
            return (
                f"expected one row for {fov_id} in {self.path}; found {len(values)} ({self.value_column}: {shown}). "
                "Leave one row in the table"
            )
        if values:
            return (
                f"expected a value in column {self.value_column!r} for {fov_id} in {self.path}; found an empty or NaN "
                "value. Fill it in, or take the file out of data.raw_dir"
            )
        hint = "no rows at all" if example is None else f"no such {self.key_column} (the first is {example})"
        return (
            f"expected a row for {fov_id} in {self.path}; found {hint}. A FOV is named by its path below data.raw_dir, "
            "without suffix"
        )


def _as_text(table: pl.DataFrame, name: str) -> pl.Expr:
    """A column as text: whole numbers without a point; null where empty or NaN."""
    column = pl.col(name)
    if table.schema[name].is_float():
        column = column.fill_nan(None)
        whole = table[name].drop_nulls().drop_nans()
        if (whole == whole.round()).all():
            column = column.cast(pl.Int64, strict=False)  # a gap turns integers into floats in many writers
    text = column.cast(pl.String).str.strip_chars()
    missing = text.str.to_lowercase().is_in(["", "nan", "na", "n/a"])
    return pl.when(~missing).then(text).alias(name)
