"""Columns of files that hold any arrays, HDF5 and MAT-files: each has a path, and the user says which is which.

A column is an array of numbers (N,), a field of a table of records or of a structure, or a column of a matrix (N, k).
Its path is that of the array, followed by the field, or by ``column_1``, ``column_2``, ... of a matrix. Where the user
names a part of the file (`OpenFile.table`), paths start there.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Final

import numpy as np
import polars as pl

from locgraph.errors import DataError
from locgraph.io.column_names import unnamed
from locgraph.io.header import NOTE, Header
from locgraph.io.readers.base import Reader, as_column

MOST_COLUMNS: Final = 64
"""A matrix with more columns is an image or the like, and holds no columns."""
MOST_ARRAYS: Final = 20_000
"""A file with more groups and arrays is refused."""
_FEW: Final = 16
"""A matrix with more columns than this and than rows lies on its side."""
DEEPEST: Final = 32
_SHOWN: Final = 12


@dataclass(frozen=True)
class Column:
    """One column, not yet read.

    Attributes:
        rows: Number of its values.
        array: Path of the array, table or structure that holds it.
        take: Returns its values (N,), given what ``load`` returned.
        load: Reads the array, which several columns may share.
    """

    rows: int
    array: str
    take: Callable[[np.ndarray], np.ndarray]
    load: Callable[[], np.ndarray]


def matrix_columns(
    path: str, shape: Sequence[int], separator: str, load: Callable[[], np.ndarray]
) -> dict[str, Column]:
    """Return the columns of an array of numbers; none where it is no column and no matrix.

    Args:
        path: Path of the array; empty where the user named the array itself.
        shape: (N,), (N, 1), (1, N), or (N, k) with a row for each localisation.
        separator: What stands between the parts of a path.
        load: Reads the array, in this shape.
    """
    sides = tuple(shape)
    if len(sides) == 1 or (len(sides) == 2 and 1 in sides):
        rows = sides[0] * (sides[1] if len(sides) == 2 else 1)
        return {path or unnamed(1): Column(rows, path, np.ravel, load)}
    if len(sides) != 2 or not 1 < sides[1] <= MOST_COLUMNS or sides[1] > max(sides[0], _FEW):
        return {}
    start = f"{path}{separator}" if path else ""
    return {f"{start}{unnamed(index + 1)}": Column(sides[0], path, _taker(index), load) for index in range(sides[1])}


def _taker(index: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda values: values[:, index]


class ArraysReader(Reader):
    """Reads the columns that the user names; there is no layout, since no software is known by them."""

    separator: ClassVar[str]

    @abstractmethod
    def find_columns(self, part: str) -> Mapping[str, Column] | None:
        """Return path -> column of all columns in a part of the file; None where there is no such part.

        Args:
            part: Its path; empty for the whole file.
        """

    @abstractmethod
    def list_parts(self) -> Mapping[str, str]:
        """Return path -> description of the arrays, tables and structures in the file, for errors."""

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        """Path -> column, of the part that the user named.

        Raises:
            DataError: The file is damaged, there is no such part, or it holds no columns.
        """
        part = self.file.table or ""
        columns = self.find_columns(part)
        if columns:
            return columns
        expected = f"columns at {part}" if part else "arrays of numbers"
        if columns is None:
            remedy = "Give the path of a table, group, structure or matrix"
        elif not self.list_parts():
            remedy = "Export the localisations again, or take it out of the folder"
        else:
            remedy = "A matrix has a row for each localisation; tables of MATLAB (class table) are saved as structures"
        raise DataError(
            f"{self.path}: expected {expected}; found {self._content()}. {remedy}", setting="table" if part else None
        )

    def _content(self) -> str:
        parts = [f"{path} ({text})" for path, text in self.list_parts().items()]
        more = f" and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
        return (", ".join(parts[:_SHOWN]) or "nothing in it") + more

    def read_header(self) -> Header:
        """Read the paths of the columns."""
        return Header(tuple(self.columns), are_paths=True)

    def read_table(self, columns: Sequence[str] | None = None) -> tuple[pl.DataFrame, dict[str, str]]:
        """Read columns of one length.

        Args:
            columns: Their paths; where None, those of the length that has most values, with a note on the others.

        Raises:
            DataError: The file is damaged, or the columns differ in length.
        """
        chosen = {path: column for path, column in self.columns.items() if columns is None or path in columns}
        lengths = Counter(column.rows for column in chosen.values())
        notes = {}
        if columns is None and len(lengths) > 1:
            rows = max(lengths, key=lambda length: (lengths[length] * length, length))
            notes[NOTE] = f"columns of {rows} rows are shown; not shown: {len(chosen) - lengths[rows]} of other lengths"
            chosen = {path: column for path, column in chosen.items() if column.rows == rows}
        elif len(lengths) > 1:
            each = ", ".join(f"{column.rows} in {path}" for path, column in chosen.items())
            raise DataError(f"{self.path}: expected columns of one length; found {each}", setting="names")
        loaded: dict[str, np.ndarray] = {}
        table = {}
        for path, column in chosen.items():
            if column.array not in loaded:
                loaded = {column.array: column.load()}  # one at a time: columns of one array follow each other
            table[path] = as_column(column.take(loaded[column.array]))
        return pl.DataFrame(table), notes
