"""Reads parquet files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import polars as pl

from locgraph.errors import DataError
from locgraph.io.header import Header
from locgraph.io.layouts.known import recognise
from locgraph.io.readers.hdf5 import FREE_ROWS, check_rows

MAGIC: Final = b"PAR1"
SUFFIX: Final = ".parquet"

_OTHER_WRITERS: Final = ("ARROW:schema", "pandas")  # how other libraries remember their types: says nothing of the FOV


class ParquetReader:
    """Reads any file that starts as parquet does, whatever its name."""

    def accepts(self, path: Path) -> bool:
        """Whether ``path`` starts with the parquet mark."""
        with path.open("rb") as handle:
            return handle.read(len(MAGIC)) == MAGIC

    def read_header(self, path: Path) -> Header:
        """Reads the end of the file only.

        Raises:
            DataError: The file is truncated or damaged.
        """
        try:
            names = tuple(pl.scan_parquet(path, glob=False).collect_schema().names())
            metadata = read_metadata(path)
            return Header(names, metadata, recognise(names, metadata))
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise _damaged(path, error) from error

    def read_table(self, path: Path, columns: Sequence[str] | None = None) -> tuple[pl.DataFrame, dict[str, str]]:
        """Reads the table.

        Args:
            path: A parquet file.
            columns: Names of the columns to read; all where None.

        Returns:
            The table, and the file's metadata.

        Raises:
            DataError: The file is truncated or damaged.
        """
        try:
            _check_rows(path)
            table = pl.read_parquet(path, glob=False, columns=None if columns is None else list(columns))
            return table, read_metadata(path)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, ValueError) as error:
            raise _damaged(path, error) from error


def _check_rows(path: Path) -> None:
    """Refuses a table that says it has more rows than localisations can have in so few bytes.

    Raises:
        ValueError: It does.
    """
    check_rows(pl.scan_parquet(path, glob=False).select(pl.len()).collect().item(), path, FREE_ROWS)


def read_metadata(path: Path) -> dict[str, str]:
    """Metadata of a parquet file, without what other libraries keep there for themselves."""
    found = pl.read_parquet_metadata(path)
    return {key: value for key, value in found.items() if key not in _OTHER_WRITERS}


def _damaged(path: Path, error: BaseException) -> DataError:
    return DataError(
        f"{path}: expected a whole parquet file; found one that is truncated or damaged ({error}). "
        "Write or copy the file again, or take it out of data.raw_dir"
    )
