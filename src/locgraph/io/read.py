"""Read the localisations of one field of view (FOV) from a file, by the reader that knows its content."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import polars as pl

from locgraph import schema
from locgraph.errors import ConfigError, DataError, within
from locgraph.io.columns import MAPPABLE, ColumnMap, ColumnSource, FileColumns
from locgraph.io.header import NOTE, Header, Sources
from locgraph.io.localisations import Localisations, from_frame_0, refuse_rows, without_flat_z
from locgraph.io.readers.base import OpenFile, Reader
from locgraph.io.readers.columnar import SUFFIX as PARQUET_SUFFIX
from locgraph.io.readers.columnar import ArrowReader, ParquetReader
from locgraph.io.readers.decode import DecodeReader
from locgraph.io.readers.delimited import DelimitedReader
from locgraph.io.readers.hdf5_arrays import Hdf5Reader
from locgraph.io.readers.matlab_arrays import MatReader
from locgraph.io.readers.minflux import MinfluxReader
from locgraph.io.readers.npy_arrays import NpyReader
from locgraph.io.readers.picasso import PicassoReader
from locgraph.io.readers.pyme import PymeReader
from locgraph.io.readers.pyminflux import PyMinfluxReader
from locgraph.io.readers.rapidstorm import RapidStormReader
from locgraph.io.readers.smap import SmapReader
from locgraph.io.readers.smlm import SmlmReader
from locgraph.io.readers.storm_analysis import StormAnalysisReader
from locgraph.io.values import count_fractions, is_time
from locgraph.io.volumes.reader import open_volume_reader

ARRAY_READERS: Final[tuple[type[Reader], ...]] = (Hdf5Reader, MatReader, NpyReader)
"""Asked for files of no known software, or whose table the user names."""

READERS: Final[tuple[type[Reader], ...]] = (
    *(ParquetReader, ArrowReader),
    *(PicassoReader, DecodeReader, SmapReader, PymeReader, StormAnalysisReader, PyMinfluxReader),
    *(SmlmReader, MinfluxReader),
    *ARRAY_READERS,
    *(RapidStormReader, DelimitedReader),
)
"""Asked in this order; the first that accepts a file reads it."""


def read(
    path: str | Path,
    columns: ColumnSource | None = None,
    *,
    names: Mapping[str, Sources] | None = None,
    unit: str | None = None,
    pixel_size_nm: float | None = None,
    leave_out: Sequence[str] = (),
    channels: Sequence[str] | None = None,
    table: str | None = None,
    max_refused_fraction: float = 0.05,
) -> Localisations:
    """Read the localisations of one field of view (FOV) from a file of any known kind.

    Files of known software state their columns and units. For others, name the columns and their unit; where the
    columns are called ``x``, ``y``, ... as in ``locgraph.schema.LOCALISATION_COLUMNS``, the unit alone will do.

    Args:
        path: The file: parquet, Arrow, delimited text, or an export of microscope software.
        columns: A `ColumnMap` or `FileColumns`, in place of the keywords below.
        names: Canonical name -> name in the file, such as ``{"x": "X", "y": "Y"}``, or position of the column, counted
            from 1; needs ``unit``.
        unit: Unit of all lengths: ``nm``, ``um``, ``m`` or ``px``.
        pixel_size_nm: Side of a camera pixel in nm, for lengths in pixels whose file does not record it.
        leave_out: Canonical columns that are not read, such as ``["z"]`` to work in 2D.
        channels: Names of the channels as the file writes them, where it writes text: the first becomes channel 0.
        table: Path of the table, group, structure or matrix within a MAT or HDF5 file that holds the columns, such as
            ``/group/locs`` or ``a.b``; None for the whole file, where ``names`` may be paths.
        max_refused_fraction: Largest part of the rows, 0 to 1, that may be refused.

    Returns:
        The localisations: a polars table in nm and frames, metadata, and counts of refused rows.

    Raises:
        DataError: The file cannot be read, or does not state what its columns are.
        ConfigError: A value cannot work, or ``columns`` is given along with a keyword that it replaces.

    Example:
        >>> import locgraph
        >>> locs = locgraph.read("cell_1.hdf5")
        >>> locs.table.select("x", "y", "frame")
        >>> locgraph.read("table.csv", names={"x": "X", "y": "Y"}, unit="px", pixel_size_nm=117)
    """
    if columns is None:
        columns = _column_source(names, unit, pixel_size_nm, leave_out, channels, table)
    elif leave_out or any(value is not None for value in (names, unit, pixel_size_nm, channels, table)):
        raise ConfigError("expected either columns or single settings of columns; found both", setting="columns")
    return read_localisations(Path(path), columns, max_refused_fraction)


def _column_source(
    names: Mapping[str, Sources] | None,
    unit: str | None,
    pixel_size_nm: float | None,
    leave_out: Sequence[str],
    channels: Sequence[str] | None,
    table: str | None,
) -> ColumnSource:
    file_columns = FileColumns(pixel_size_nm, leave_out, channels)
    if names is None and unit is None and table is None:
        return file_columns
    named = {name: name for name in MAPPABLE} if names is None else names
    kept = {name: source for name, source in named.items() if name not in leave_out}
    return ColumnMap(kept, unit or "", pixel_size_nm, channels=file_columns.channels, table=table)


@contextmanager
def open_reader(path: Path, table: str | None = None) -> Iterator[Reader]:
    """Open a file once, and give the reader that accepts it.

    Args:
        path: The file.
        table: Path, within it, of what holds the columns; None for the whole file.

    Raises:
        DataError: The file is absent, empty, not to be opened, or of no kind that is known; or it has no paths within.
    """
    if not path.is_file():
        raise DataError(f"{path}: expected a file; found {'a folder' if path.is_dir() else 'none'}. Check the path")
    try:
        file = OpenFile(path, table)
    except OSError as error:
        raise DataError(
            f"{path}: expected a file that can be read; found {error.strerror}. Check who may read it"
        ) from error
    with file:
        with within("columns"):
            reader = _find_reader(file)
        yield reader


@contextmanager
def open_columns(path: Path, columns: ColumnSource) -> Iterator[Reader]:
    """Open a file once, and give the reader of the part of it that the columns name; see `open_reader`."""
    if columns.volume is not None:
        with open_volume_reader(path, columns.volume) as reader:
            yield reader
    else:
        with open_reader(path, columns.table) as reader:
            yield reader


def _find_reader(file: OpenFile) -> Reader:
    if file.size == 0:
        raise DataError(
            f"{file.path}: expected a table of localisations; found an empty file (0 bytes). Export it again"
        )
    for reader in ARRAY_READERS if file.table else READERS:
        if reader.accepts(file):
            return reader(file)
    if file.table:
        raise DataError(
            f"{file.path}: expected HDF5 or a MAT-file, of which {file.table} is a part; found another kind of file. "
            "Set it to null",
            setting="table",
        )
    if file.path.suffix.lower() == PARQUET_SUFFIX:
        raise DataError(
            f"{file.path}: expected parquet, as its name says; found another kind of file (no PAR1 mark at its start). "
            "Rename a text table to .csv, or write the file again"
        )
    raise DataError(
        f"{file.path}: expected parquet or delimited text with a header line, Arrow, HDF5 of Picasso, DECODE or SMAP, "
        ".smlm, or an export of MINFLUX; found none of them. Export the file as CSV, or take it out of the folder"
    )


def read_header(path: Path, columns: ColumnSource) -> Header:
    """Read the names of columns, metadata and layout of a file, without its rows.

    Raises:
        DataError: The file cannot be read, or does not state what its columns are.
        MissingColumnsError: It lacks a column that ``columns`` requires.
    """
    with open_columns(path, columns) as reader:
        find_columns(reader, columns)
        return reader.header


def find_columns(reader: Reader, columns: ColumnSource) -> ColumnMap:
    """Return the column map of an open file, in which all required columns are there.

    Raises:
        DataError: The file cannot be read, or does not state what its columns are.
        MissingColumnsError: It lacks a column that ``columns`` requires.
    """
    with within("columns"):
        header, where = reader.header, str(reader.path)
        chosen = columns.for_file(header, where)
        names = header.find_paths(chosen.names)
        chosen = chosen if names == chosen.names else replace(chosen, names=names)
        chosen.check_required(header.names, where)
    return chosen


def read_localisations(path: Path, columns: ColumnSource, max_refused_fraction: float) -> Localisations:
    """Read one file as localisations in nanometres and frames.

    Args:
        path: The file, one row for each localisation.
        columns: Which column is which, in which unit.
        max_refused_fraction: Largest part of the rows, 0 to 1, that may be refused.

    Returns:
        The localisations, with the counts of refused rows.

    Raises:
        DataError: The file cannot be read, has no rows, or more of them are refused than ``max_refused_fraction``.
        MissingColumnsError: It lacks a column that ``columns`` requires.
    """
    with open_columns(path, columns) as reader:
        return read_rows(reader, columns, max_refused_fraction)


def read_rows(reader: Reader, columns: ColumnSource, max_refused_fraction: float) -> Localisations:
    """Read the localisations of an open file; see `read_localisations`."""
    path, chosen = reader.path, find_columns(reader, columns)
    with within("columns"):
        source, metadata = reader.read_table(chosen.sources(reader.header.names))
    if source.is_empty():
        raise DataError(f"{path}: expected localisations; found a header without rows. Take it out of the folder")
    rows = source.height
    with within("columns"):
        canonical = chosen.to_canonical(source, str(path))
    table, refused = refuse_rows(canonical)
    _check_refused(refused, rows, max_refused_fraction, path)
    table, first_frame = from_frame_0(table)
    table, notes = without_flat_z(table)
    notes += rounded_frames(source, chosen) + tuple(text for key, text in metadata.items() if key == NOTE)
    dimensions = 3 if schema.Z in table.columns else 2
    return Localisations(table, dimensions, refused, metadata, notes, first_frame, path)


def rounded_frames(source: pl.DataFrame, chosen: ColumnMap) -> tuple[str, ...]:
    """Return a note on frames that are fractions, as those of molecules, which are means: these are rounded."""
    names = chosen.present(source.columns).get(schema.FRAME, ())
    count = sum(count_fractions(source[name]) for name in names if not is_time(name))
    if not count:
        return ()
    return (
        f"{schema.FRAME} is a fraction in {count:,} of {source.height:,} rows, as the mean frame of a molecule is: "
        "rounded to the nearest frame. Leave the column out if it holds times",
    )


def _check_refused(refused: dict[str, int], rows: int, max_refused_fraction: float, path: Path) -> None:
    lost = sum(refused.values())
    reasons = "; ".join(f"{count} rows: {reason}" for reason, count in refused.items())
    if lost == rows:
        raise DataError(
            f"{path}: expected localisations; found none among {rows} rows ({reasons}). Check the names of columns; "
            "leave out a column that holds nothing"
        )
    if lost > max_refused_fraction * rows:
        raise DataError(
            f"{path}: expected at most {max_refused_fraction:.2%} of the rows to be refused; found {lost} of {rows} "
            f"({reasons}). Check the names of columns, or raise the limit",
            setting="max_refused_fraction",
        )
