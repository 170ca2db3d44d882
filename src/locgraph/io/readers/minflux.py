"""Reader of MINFLUX localisations as Imspector (Abberior Instruments) exports them: ``.npy``, ``.mat`` and ``.json``.

Two layouts, after ``_reader.py`` and ``_reader_v2.py`` of bsse-scf/pyMINFLUX, the parsers of embl-ic/minflux-viewer and
the README of jkfindeisen/minflux-analysis:

- Imspector m2205 (2022): a row is a localisation, whose iterations are nested in ``itr``; the last of them counts.
- Imspector m2410 (2024): a row is one iteration; localisations are the valid ones with the largest ``itr`` there is.

Positions (``loc``) are in metres. Rows that are not marked valid (``vld``), and earlier iterations, are no
localisations: they are left out, and counted in a note. ``tid`` names the trace, that is the molecule. There are no
camera frames, so times (``tim``, in seconds) stay under their own name, as do counts (``eco``), which are those of the
last iteration alone. Layouts from before 2022 are read only as far as they agree with these.
"""

from __future__ import annotations

import json
import tokenize
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.io.header import NOTE, Header, Layout, Sources
from locgraph.io.readers.base import OpenFile, Reader, as_column, damaged, is_number
from locgraph.io.readers.matlab import Matrix, is_mat5, variables
from locgraph.io.readers.npy_arrays import NPY_MAGIC, open_npy

_LOC, _ITERATION, _VALID, _TRACE = "loc", "itr", "vld", "tid"
_AXES: Final = ("x", "y", "z")
_OTHERS: Final = (_TRACE, "tim", "eco", "ecc", "efo", "efc", "cfr", "fbg")
_FLAT_Z: Final = 1e-11
"""Metres: below that everywhere, z is the noise of a measurement in 2D (as in pyMINFLUX)."""

_HEAD_BYTES: Final = 1 << 20
_DAMAGE: Final = (
    *(OSError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError),
    *(OverflowError, MemoryError, RuntimeError, SyntaxError, tokenize.TokenError),
)
Fields = Mapping[str, Any]
"""Name of a field -> its values, along the rows first."""


class MinfluxReader(Reader):
    """Reads the valid localisations of one measurement."""

    kind = "minflux"

    @classmethod
    def accepts(cls, file: OpenFile) -> bool:
        """Return whether ``file`` is ``.npy`` or JSON, or a MAT-file that is not HDF5 with ``loc`` or ``itr``."""
        if is_mat5(file):
            return not {_LOC, _ITERATION}.isdisjoint(variables(file, inflate=False))
        return _is_npy(file) or _is_json(file.head[:64])

    def read_header(self) -> Header:
        """Read the names of the columns.

        Raises:
            DataError: The file is damaged, or holds no MINFLUX localisations.
        """
        names = _names(_fields(self.file, first_only=True), self.path)
        chosen: dict[str, Sources] = {axis: axis for axis in _AXES if axis in names}
        units = dict.fromkeys(chosen, "m")
        if _TRACE in names:
            chosen[schema.SOURCE_CLUSTER] = _TRACE
        return Header(names, {}, Layout("MINFLUX (Imspector)", chosen, units))

    def read_table(self, columns: Sequence[str] | None = None) -> tuple[pl.DataFrame, dict[str, str]]:
        """Read the localisations.

        Returns:
            The table, lengths in metres; and, where rows were left out, a note on how many and why.

        Raises:
            DataError: The file is damaged, or holds no MINFLUX localisations.
        """
        fields = _fields(self.file, first_only=False)
        names = _names(fields, self.path)
        try:
            keep, note = _localisations(fields)
            chosen = [name for name in names if columns is None or name in columns]
            table = pl.DataFrame({name: as_column(_column(fields, name)[keep]) for name in chosen})
        except _DAMAGE as error:
            raise _damaged(self.path, error) from error
        if "z" in table.columns and table.height and (table["z"].abs() <= _FLAT_Z).all():
            table = table.with_columns(z=pl.lit(0.0))
        return table, {NOTE: note} if note else {}


def _is_npy(file: OpenFile) -> bool:
    """Return whether ``file`` is ``.npy`` with positions of MINFLUX, or damaged so that nobody can tell."""
    if not file.head.startswith(NPY_MAGIC):
        return False
    try:
        return not {_LOC, _ITERATION}.isdisjoint(open_npy(file).dtype.names or ())
    except _DAMAGE:
        return True


def _damaged(path: Path, error: BaseException) -> DataError:
    return damaged(path, "export of MINFLUX localisations", error, "Export the file again")


def _is_json(head: bytes) -> bool:
    """Return whether a file starts as a list of objects, or an object, in JSON."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return text.startswith(b"{") or (text.startswith(b"[") and text[1:].lstrip()[:1] in (b"{", b"]"))


def _fields(file: OpenFile, first_only: bool) -> Fields:
    """Return the fields of a file, of its first row alone where that will do.

    Raises:
        DataError: The file is damaged.
    """
    try:
        if file.head.startswith(NPY_MAGIC):
            return _npy_fields(file)
        return _mat_fields(file) if is_mat5(file) else _json_fields(file, first_only)
    except _DAMAGE as error:
        raise _damaged(file.path, error) from error


def _npy_fields(file: OpenFile) -> Fields:
    """Return the fields of a table of records, on disk until they are used."""
    records = open_npy(file)
    if records.dtype.names is None or records.ndim != 1:
        raise ValueError(f"an array of {records.dtype} of the shape {records.shape}, not a table")
    nested = records[_ITERATION] if _ITERATION in records.dtype.names else None
    fields = {name: records[name] for name in records.dtype.names}
    if nested is not None and nested.dtype.names:
        del fields[_ITERATION]
        fields |= {name: nested[name] for name in nested.dtype.names}
    return fields


def _mat_fields(file: OpenFile) -> Fields:
    matrices = variables(file)
    nested = matrices[_ITERATION].fields() if _ITERATION in matrices else {}
    if nested:
        del matrices[_ITERATION]
    arrays = {name: matrix for name, matrix in {**matrices, **nested}.items() if matrix.is_number}
    rows = arrays[_LOC].shape[0] if _LOC in arrays else 0
    return {name: _rows_first(matrix, rows) for name, matrix in arrays.items()}


def _rows_first(matrix: Matrix, rows: int) -> np.ndarray:
    """Return the numbers of an array; what MATLAB keeps as one row of values becomes a column."""
    values = matrix.numbers()
    return values.ravel() if values.shape == (1, rows) else values


def _json_fields(file: OpenFile, first_only: bool) -> Fields:
    records = [_first_record(file)] if first_only else json.loads(file.content[:].decode("utf-8-sig"))
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise ValueError("JSON that is not a list of objects")
    if not records:
        raise ValueError("an empty list")
    names = list(records[0])
    if _ITERATION in names and isinstance(records[0][_ITERATION], dict | list):
        # the last iteration of each localisation; single ones are not in a list
        lasts = [nested[-1] if isinstance(nested := record[_ITERATION], list) else nested for record in records]
        outer = {name: [record[name] for record in records] for name in names if name != _ITERATION}
        inner = {name: [last[name] for last in lasts] for name in lasts[0]}
        raw = {name: values for name, values in (outer | inner).items() if name != _ITERATION}
    else:
        raw = {name: [record[name] for record in records] for name in names}
    wanted = (_LOC, _ITERATION, _VALID, *_OTHERS)
    return {name: np.array(values, np.float64) for name, values in raw.items() if name in wanted}


def _first_record(file: OpenFile) -> Any:
    """Return the first object of a list of them, without reading the others."""
    text = file.content[:_HEAD_BYTES].decode("utf-8-sig", errors="replace").lstrip()
    if not text.startswith("["):
        raise ValueError("JSON that is not a list of objects")
    return json.JSONDecoder().raw_decode(text[1:].lstrip())[0]


def _names(fields: Fields, path: Path) -> tuple[str, ...]:
    """Return the names of the columns that can be made of ``fields``."""
    positions = fields.get(_LOC)
    if (
        positions is None
        or not is_number(positions.dtype)
        or positions.ndim not in (2, 3)
        or positions.shape[-1] not in (2, 3)
    ):
        raise DataError(
            f"{path}: expected MINFLUX localisations of Imspector, with their positions in loc or itr.loc; found "
            f"{', '.join(map(repr, fields)) or 'no arrays of numbers'}. Export the localisations as CSV, or take the "
            "file out of the folder"
        )
    axes = _AXES[: positions.shape[-1]]
    return (*axes, *(name for name in _OTHERS if name in fields and _is_column(fields[name], positions)))


def _is_column(values: np.ndarray, positions: np.ndarray) -> bool:
    """Return whether ``values`` has one number for each row, or for each iteration of each."""
    return is_number(values.dtype) and values.shape in (positions.shape[:1], positions.shape[:2])


def _column(fields: Fields, name: str) -> np.ndarray:
    """Return the values of one column for each row: of the last iteration, where a row has several."""
    values = fields[_LOC][..., _AXES.index(name)] if name in _AXES else fields[name]
    return np.asarray(values[:, -1] if values.ndim == 2 else values)


def _localisations(fields: Fields) -> tuple[np.ndarray, str]:
    """Return which rows are localisations, and a note on the others."""
    rows = len(fields[_LOC])
    valid = np.ones(rows, bool) if _VALID not in fields else np.asarray(fields[_VALID]).ravel() != 0
    last = np.ones(rows, bool)
    iteration = fields.get(_ITERATION)
    if iteration is not None and iteration.ndim == 1 and fields[_LOC].ndim == 2 and valid.any():
        last = np.asarray(iteration) == np.max(iteration[valid])
    keep = valid & last
    reasons = {"not marked valid (vld)": ~valid, "earlier iterations": valid & ~last}
    counts = [f"{mask.sum()} rows {reason}" for reason, mask in reasons.items() if mask.any()]
    return keep, f"no localisations, left out: {', '.join(counts)}" if counts else ""
