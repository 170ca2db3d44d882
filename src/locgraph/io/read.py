"""Reads the localisations of one field of view (FOV) from a file, by the reader that knows its content."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.io.columns import ColumnMap
from locgraph.io.delimited import DelimitedReader
from locgraph.io.localisations import Localisations, refuse_rows
from locgraph.io.parquet import SUFFIX as PARQUET_SUFFIX
from locgraph.io.parquet import ParquetReader


class Reader(Protocol):
    """Reads one kind of file."""

    def accepts(self, path: Path) -> bool:
        """Whether the content of ``path`` is of this kind."""
        ...

    def read_header(self, path: Path) -> tuple[list[str], dict[str, str]]:
        """Names of the columns and metadata, without reading the rows."""
        ...

    def read_table(self, path: Path, columns: Sequence[str] | None = None) -> tuple[pl.DataFrame, dict[str, str]]:
        """The table, or some of its columns, and metadata."""
        ...


READERS: Final[tuple[Reader, ...]] = (ParquetReader(), DelimitedReader())
"""Asked in this order; the first that accepts a file reads it."""


def find_reader(path: Path) -> Reader:
    """The reader that accepts ``path``.

    Raises:
        DataError: The file is absent, empty, or of no kind that is known.
    """
    if not path.is_file():
        raise DataError(f"{path}: expected a file; found none. Check data.raw_dir")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: expected a table of localisations; found an empty file (0 bytes). Export it again")
    for reader in READERS:
        if reader.accepts(path):
            return reader
    if path.suffix.lower() == PARQUET_SUFFIX:
        raise DataError(
            f"{path}: expected parquet, as its name says; found another kind of file (no PAR1 mark at its start). "
            "Rename a text table to .csv, or write the file again"
        )
    raise DataError(
        f"{path}: expected parquet or delimited text with a header line; found neither. "
        "Export the file as CSV, or take it out of data.raw_dir"
    )


def read_header(path: Path, columns: ColumnMap) -> tuple[tuple[str, ...], dict[str, str]]:
    """Names of the columns and metadata of a file, without reading its rows.

    Raises:
        DataError: The file cannot be read.
        MissingColumnsError: It lacks a column that ``columns`` requires.
    """
    names, metadata = find_reader(path).read_header(path)
    columns.check_required(names, str(path))
    return tuple(names), metadata


def read_localisations(path: Path, columns: ColumnMap, max_refused_fraction: float) -> Localisations:
    """Reads one file as localisations in nanometres and frames.

    Args:
        path: Parquet or delimited text, one row for each localisation.
        columns: Which column is which, in which unit.
        max_refused_fraction: Largest part of the rows, 0 to 1, that may be refused.

    Returns:
        The localisations, with the counts of refused rows.

    Raises:
        DataError: The file cannot be read, has no rows, or more of them are refused than ``max_refused_fraction``.
        MissingColumnsError: It lacks a column that ``columns`` requires.
    """
    reader = find_reader(path)
    names, _ = reader.read_header(path)
    columns.check_required(names, str(path))
    source, metadata = reader.read_table(path, sorted(set(columns.present(names).values())))
    if source.is_empty():
        raise DataError(f"{path}: expected localisations; found a header without rows. Take it out of data.raw_dir")
    table, refused = refuse_rows(columns.to_canonical(source, str(path)))
    _check_refused(refused, source.height, max_refused_fraction, path)
    dimensions = 3 if schema.Z in table.columns else 2
    return Localisations(table, dimensions, refused, metadata)


def _check_refused(refused: dict[str, int], rows: int, max_refused_fraction: float, path: Path) -> None:
    lost = sum(refused.values())
    reasons = "; ".join(f"{count} rows: {reason}" for reason, count in refused.items())
    if lost == rows:
        raise DataError(
            f"{path}: expected localisations; found none among {rows} rows ({reasons}). "
            "Check columns.names; leave out a column that holds nothing"
        )
    if lost > max_refused_fraction * rows:
        raise DataError(
            f"{path}: expected at most {max_refused_fraction:.2%} of the rows to be refused; found {lost} of {rows} "
            f"({reasons}). Check columns.names, or raise data.max_refused_fraction"
        )
