"""File of annotations: append-only, whole at any moment, written to by several processes at once."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import polars as pl

from locgraph.errors import DataError
from locgraph.provenance import whole_file
from locgraph.schema import annotation as columns
from locgraph.settings import is_number
from locgraph.storage import locked_file

DTYPES: Final = {name: column.dtype for name, column in columns.ANNOTATION_COLUMNS.items()}
_REQUIRED: Final = (columns.FOV_ID, columns.TARGET, columns.ANNOTATOR, columns.TOOL)
_FEWEST_VERTICES: Final = 3


def read_annotations(path: Path) -> pl.DataFrame:
    """Return the standing statements, in the order in which they were made: without those that were taken back.

    Raises:
        DataError: There is no such file, or it is no table of annotations.
    """
    return standing(read_history(path))


def read_history(path: Path) -> pl.DataFrame:
    """Return all rows in the order in which they were written, also those that were taken back.

    Raises:
        DataError: There is no such file, or it is no table of annotations.
    """
    if not path.is_file():
        raise DataError(f"{path}: expected a table of annotations; found no file. `locgraph annotate` writes one")
    try:
        # in one go: polars opens a path several times, and another process may rename a new file to it in between
        table = pl.read_parquet(BytesIO(path.read_bytes()))
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise DataError(
            f"{path}: expected a table of annotations; it cannot be read ({_first_line(error)}). It is left as it is: "
            "put a copy of it back, or move it away"
        ) from error
    missing = [name for name in DTYPES if name not in table.columns]
    if missing:
        raise DataError(
            f"{path}: expected the columns {', '.join(DTYPES)}; {', '.join(missing)} missing. Name another file"
        )
    try:
        return table.select(pl.col(name).cast(dtype) for name, dtype in DTYPES.items())
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"{path}: expected columns of the types that annotations have; {_first_line(error)}. Name another file"
        ) from error


def standing(history: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that are no undo and that no undo takes back; an undo that is taken back has no effect.

    Args:
        history: All rows, in the order in which they were written.
    """
    pairs = history.select(columns.ANNOTATION_ID, columns.REMOVES).filter(pl.col(columns.REMOVES).is_not_null())
    taken_back: set[str] = set()
    for own, removed in reversed(list(pairs.iter_rows())):
        if own not in taken_back:
            taken_back.add(removed)
    stands = ~pl.col(columns.ANNOTATION_ID).is_in(sorted(taken_back))
    return history.filter(pl.col(columns.REMOVES).is_null() & stands)


def undo(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row that takes back another one, to be appended."""
    kept = (columns.FOV_ID, columns.TARGET, columns.CLUSTER_ID, columns.ANNOTATOR, columns.TOOL)
    return {name: row[name] for name in kept} | {columns.REMOVES: row[columns.ANNOTATION_ID]}


def append_annotations(path: Path, rows: Sequence[Mapping[str, Any]] | pl.DataFrame) -> pl.DataFrame:
    """Add rows to a table of annotations, all or none; the file is made where there is none.

    The file is written anew under another name and renamed, so that a process killed at any moment leaves the old rows
    or all rows. Processes that write at the same time wait for each other, and each row is kept.

    Args:
        path: The table.
        rows: One mapping for each statement, from names of columns to values; what is absent is null, the time is now,
            and each row gets a name of its own.

    Returns:
        The rows as they were written.

    Raises:
        DataError: A row makes no sense, or there is a file that is no table of annotations, which stays as it is.
        FolderInUseError: Another process holds the file for too long.
        StorageError: The file cannot be written.
    """
    mappings = rows.to_dicts() if isinstance(rows, pl.DataFrame) else rows
    new = _to_table([check_row(row, f"{path}: annotation {index + 1}") for index, row in enumerate(mappings)], path)
    with locked_file(path):
        history = read_history(path) if path.exists() else pl.DataFrame(schema=DTYPES)
        _check_names(history, new, path)
        if new.height:
            with whole_file(path) as temporary:
                pl.concat([history, new]).write_parquet(temporary)
    return new


def _to_table(rows: Sequence[Mapping[str, Any]], path: Path) -> pl.DataFrame:
    try:
        return pl.DataFrame({name: [row.get(name) for row in rows] for name in DTYPES}, schema=DTYPES)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path}: expected values of the types that annotations have; {_first_line(error)}") from error


def check_row(row: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return a row with its time and name.

    Raises:
        DataError: It has an unknown column or value, or coordinates that do not fit its target.
    """
    unknown = sorted(set(row) - set(DTYPES))
    if unknown:
        raise DataError(f"{where}: expected the columns {', '.join(DTYPES)}; found {', '.join(map(repr, unknown))}")
    for name in _REQUIRED:
        if not isinstance(row.get(name), str) or not row[name].strip():
            raise DataError(f"{where}: expected a text in {name}; found {row.get(name)!r}")
    label = row.get(columns.LABEL)
    if label is not None and (not isinstance(label, str) or not label.strip()):
        raise DataError(f"{where}: expected a class in {columns.LABEL}, or null for none; found {label!r}")
    for name, known in ((columns.TARGET, columns.TARGETS), (columns.TOOL, columns.TOOLS)):
        if row[name] not in known:
            raise DataError(f"{where}: expected one of {', '.join(known)} in {name}; found {row[name]!r}")
    if row.get(columns.REMOVES) is None:
        _check_place(row, where)
    filled = dict(row)
    filled[columns.TIME] = row.get(columns.TIME) or datetime.now(UTC)
    filled[columns.ANNOTATION_ID] = row.get(columns.ANNOTATION_ID) or uuid.uuid4().hex
    return filled


def _check_place(row: Mapping[str, Any], where: str) -> None:
    """Check that the coordinates of a row are those that its target needs.

    Raises:
        DataError: They are not.
    """
    target, radius = row[columns.TARGET], row.get(columns.RADIUS)
    points = _points(row, where)
    if radius is not None and not (is_number(radius) and radius > 0):
        raise DataError(f"{where}: expected a length above 0 nm in {columns.RADIUS}, or null; found {radius!r}")
    if target == columns.OF_CLUSTER and not isinstance(row.get(columns.CLUSTER_ID), int):
        raise DataError(f"{where}: expected a number in {columns.CLUSTER_ID}; found {row.get(columns.CLUSTER_ID)!r}")
    if target in (columns.OF_CLUSTER, columns.OF_POINT) and len(points) != 1:
        what = "the centre of the cluster" if target == columns.OF_CLUSTER else "one point"
        raise DataError(f"{where}: expected {what} in {columns.X} and {columns.Y}; found {len(points)} points")
    if target == columns.OF_REGION and radius is None and len(set(points)) < _FEWEST_VERTICES:
        raise DataError(
            f"{where}: expected a {columns.RADIUS} of a brush, or a polygon of at least {_FEWEST_VERTICES} different "
            f"vertices; found {len(set(points))} of these"
        )
    if target == columns.OF_REGION and not points:
        raise DataError(f"{where}: expected the path of the brush in {columns.X} and {columns.Y}; found no point")


def _points(row: Mapping[str, Any], where: str) -> list[tuple[float, float]]:
    x, y = ([] if row.get(name) is None else list(row[name]) for name in (columns.X, columns.Y))
    if len(x) != len(y) or not all(map(is_number, (*x, *y))):
        raise DataError(
            f"{where}: expected as many finite numbers in {columns.X} as in {columns.Y}, in nm; found {len(x)} and "
            f"{len(y)} values{'' if len(x) != len(y) else ', some of which are none'}"
        )
    return list(zip(x, y, strict=True))


def _check_names(history: pl.DataFrame, new: pl.DataFrame, path: Path) -> None:
    """Check that new rows have names of their own, and take back rows of the same annotator alone.

    Raises:
        DataError: They do not.
    """
    owners = _owners(history)
    for own, removes, annotator in new.select(columns.ANNOTATION_ID, columns.REMOVES, columns.ANNOTATOR).iter_rows():
        if own in owners:
            raise DataError(f"{path}: expected a new {columns.ANNOTATION_ID}; found {own}, which is there already")
        if removes is not None and owners.get(removes) != annotator:
            of = f"one of {owners[removes]}" if removes in owners else "none of that name"
            raise DataError(f"{path}: expected an annotation of {annotator} to take back; found {of} ({removes})")
        owners[own] = annotator


def _owners(history: pl.DataFrame) -> dict[str, str]:
    return dict(history.select(columns.ANNOTATION_ID, columns.ANNOTATOR).iter_rows())


def _first_line(error: BaseException) -> str:
    lines: Iterable[str] = str(error).strip().splitlines()
    return next(iter(lines), type(error).__name__)
