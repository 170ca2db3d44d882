"""Reads the localisations of one field of view (FOV) from a file, by the reader that knows its content."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.io.columns import ColumnSource
from locgraph.io.header import NOTE, Header
from locgraph.io.localisations import Localisations, from_frame_0, refuse_rows, without_flat_z
from locgraph.io.readers.arrow import ArrowReader
from locgraph.io.readers.decode import DecodeReader
from locgraph.io.readers.delimited import DelimitedReader
from locgraph.io.readers.hdf5 import UnknownHdf5Reader
from locgraph.io.readers.minflux import MinfluxReader
from locgraph.io.readers.parquet import SUFFIX as PARQUET_SUFFIX
from locgraph.io.readers.parquet import ParquetReader
from locgraph.io.readers.picasso import PicassoReader
from locgraph.io.readers.rapidstorm import RapidStormReader
from locgraph.io.readers.smap import SmapReader
from locgraph.io.readers.smlm import SmlmReader


class Reader(Protocol):
    """Reads one kind of file."""

    def accepts(self, path: Path) -> bool:
        """Whether the content of ``path`` is of this kind."""
        ...

    def read_header(self, path: Path) -> Header:
        """What the file says of itself, without reading its rows."""
        ...

    def read_table(self, path: Path, columns: Sequence[str] | None = None) -> tuple[pl.DataFrame, dict[str, str]]:
        """The table, or some of its columns, and metadata."""
        ...


READERS: Final[tuple[Reader, ...]] = (
    *(ParquetReader(), ArrowReader()),
    *(PicassoReader(), DecodeReader(), SmapReader(), UnknownHdf5Reader()),
    *(SmlmReader(), MinfluxReader()),
    *(RapidStormReader(), DelimitedReader()),
)
"""Asked in this order; the first that accepts a file reads it."""


def find_reader(path: Path) -> Reader:
    """The reader that accepts ``path``.

    Raises:
        DataError: The file is absent, empty, not to be opened, or of no kind that is known.
    """
    if not path.is_file():
        raise DataError(f"{path}: expected a file; found none. Check data.raw_dir")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: expected a table of localisations; found an empty file (0 bytes). Export it again")
    try:
        for reader in READERS:
            if reader.accepts(path):
                return reader
    except OSError as error:
        raise DataError(
            f"{path}: expected a file that can be read; found {error.strerror}. Check who may read it"
        ) from error
    if path.suffix.lower() == PARQUET_SUFFIX:
        raise DataError(
            f"{path}: expected parquet, as its name says; found another kind of file (no PAR1 mark at its start). "
            "Rename a text table to .csv, or write the file again"
        )
    raise DataError(
        f"{path}: expected parquet or delimited text with a header line, Arrow, HDF5 of Picasso, DECODE or SMAP, "
        ".smlm, or an export of MINFLUX; found none of them. Export the file as CSV, or take it out of data.raw_dir"
    )


@runtime_checkable
class CompanionedReader(Protocol):
    """A reader of files beside which others lie that it reads too."""

    def companions(self, path: Path) -> tuple[Path, ...]:
        """The files that are there."""
        ...


def companions(path: Path) -> tuple[Path, ...]:
    """Other files that decide what is read from ``path``, such as settings beside it; none where it cannot be read."""
    try:
        reader = find_reader(path)
    except DataError:
        return ()  # whoever reads it will say why
    return reader.companions(path) if isinstance(reader, CompanionedReader) else ()


def read_header(path: Path, columns: ColumnSource) -> Header:
    """What a file says of itself, without reading its rows.

    Raises:
        DataError: The file cannot be read, or does not say what its columns are.
        MissingColumnsError: It lacks a column that ``columns`` requires.
    """
    header = find_reader(path).read_header(path)
    columns.for_file(header, str(path)).check_required(header.names, str(path))
    return header


def read_localisations(path: Path, columns: ColumnSource, max_refused_fraction: float) -> Localisations:
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
    header = reader.read_header(path)
    chosen = columns.for_file(header, str(path))
    chosen.check_required(header.names, str(path))
    source, metadata = reader.read_table(path, chosen.sources(header.names))
    if source.is_empty():
        raise DataError(f"{path}: expected localisations; found a header without rows. Take it out of data.raw_dir")
    rows = source.height
    table, refused = refuse_rows(chosen.to_canonical(source, str(path)))
    _check_refused(refused, rows, max_refused_fraction, path)
    table, first_frame = from_frame_0(table)
    table, notes = without_flat_z(table)
    notes += tuple(text for key, text in metadata.items() if key == NOTE)
    dimensions = 3 if schema.Z in table.columns else 2
    return Localisations(table, dimensions, refused, metadata, notes, first_frame)


def _check_refused(refused: dict[str, int], rows: int, max_refused_fraction: float, path: Path) -> None:
    lost = sum(refused.values())
    reasons = "; ".join(f"{count} rows: {reason}" for reason, count in refused.items())
    if lost == rows:
        raise DataError(
            f"{path}: expected localisations; found none among {rows} rows ({reasons}). "
            "Check columns.names; leave out a column that holds nothing (columns.leave_out with columns=auto)"
        )
    if lost > max_refused_fraction * rows:
        raise DataError(
            f"{path}: expected at most {max_refused_fraction:.2%} of the rows to be refused; found {lost} of {rows} "
            f"({reasons}). Check columns.names, or raise data.max_refused_fraction"
        )
