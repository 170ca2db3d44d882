"""One FOV from raw file to the tables of its objects, and the record of all that were looked for.

``objects/<fov_id>.parquet`` has a row for each object, used or not (`OBJECT_COLUMNS`). It is written last: with
it and the right fingerprint the tables of all objects of the FOV are there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.io.catalogue import FovSource
from locgraph.io.converted import META_NOTES
from locgraph.io.featextracted import fov_path
from locgraph.io.localisations import Localisations
from locgraph.io.readers.columnar import SUFFIX, read_metadata, read_parquet
from locgraph.preparation.executors import Executor, Serial, attempt
from locgraph.preparation.extract import (
    LOCALISATIONS_READ,
    ExtractTask,
    count_read,
    extract_table,
    read_filtered,
    read_raw,
)
from locgraph.preparation.objects.base import OUTSIDE, SHARED, ObjectRows, count_reasons
from locgraph.provenance import whole_file
from locgraph.run_folder import CLUSTERS, LOCS, OBJECTS

UNMATCHED: Final = "classes of objects that were not found"
"""Entry of the counts of a FOV: rows of the table of labels that name no object."""

OBJECT_COLUMNS: Final = {
    column.name: column
    for column in (
        schema.Column(schema.FOV_ID, pl.String, "1", "name of the object as a unit: the FOV, a slash, its name there"),
        schema.Column(schema.OBJECT, pl.String, "1", "its name in the FOV"),
        schema.Column(schema.LABEL, pl.String, "1", "class name; null where it has none"),
        schema.Column(schema.X, pl.Float64, "nm", "mean position"),
        schema.Column(schema.Y, pl.Float64, "nm", "mean position"),
        schema.Column(schema.Z, pl.Float64, "nm", "mean position; null in 2D"),
        schema.Column(schema.N_ROWS, pl.Int64, "1", "its localisations before clustering; null where it was left out"),
        schema.Column(schema.N_LOCALISATIONS, pl.Int64, "1", "localisations kept in view 0; null where it is not used"),
        schema.Column(schema.N_CLUSTERS, pl.Int64, "1", "clusters kept in view 0; null where it is not used"),
        schema.Column(
            schema.EXTENT, pl.Float64, "nm", "root mean square distance of the localisations from their centre"
        ),
        schema.Column(
            schema.PRECISION, pl.Float64, "nm", "median lateral precision of the localisations; null where unknown"
        ),
        schema.Column(schema.REASON, pl.String, "1", "why it was left out; null for an object that is used"),
        schema.Column(schema.FAILED, pl.Boolean, "1", "whether it was to be used, and could not be"),
        schema.Column(
            schema.ROWS, pl.List(pl.Int64), "1", "its rows among the localisations of the FOV after preprocessing"
        ),
    )
}
"""Columns of the objects of one FOV, used or not."""

_SHOWN: Final = 5
_CHUNK: Final = 50  # objects that a process gets at once: some tenths of a second of work
_NO_ROWS: Final = np.empty(0, np.int64)


@dataclass(frozen=True)
class FovObjects:
    """The objects of one FOV.

    Attributes:
        table: One row for each, the columns of `OBJECT_COLUMNS`.
        counts: What was read, refused, filtered, and left outside of all objects.
        notes: Remarks on how the raw file was read.
        fingerprint: Of input and settings.
    """

    table: pl.DataFrame
    counts: dict[str, int]
    notes: tuple[str, ...]
    fingerprint: str

    @property
    def used(self) -> pl.DataFrame:
        """The rows of objects that have tables."""
        return self.table.filter(pl.col(schema.REASON).is_null())

    @property
    def failed(self) -> pl.DataFrame:
        """The rows of objects within the limits that could not be used."""
        return self.table.filter(schema.FAILED)

    def describe(self, fov_id: str) -> str:
        """Return how many objects are used, and how many were left out for each reason, with some of their names."""
        left_out = dict(
            self.table.filter(pl.col(schema.REASON).is_not_null()).select(schema.OBJECT, schema.REASON).rows()
        )
        text = f"{fov_id}: {self.used.height:,} of {self.table.height:,} objects are used"
        for reason, names in count_reasons(left_out).items():
            shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
            text += f"; {len(names):,} left out, {reason} ({shown})"
        wanted = (OUTSIDE, SHARED, UNMATCHED)
        return text + "".join(f"; {self.counts[name]:,} {name}" for name in wanted if self.counts.get(name))


def find_objects(task: ExtractTask) -> tuple[Localisations, ObjectRows, dict[str, int]]:
    """Read and filter one FOV, and find its objects.

    Returns:
        Its localisations after preprocessing, their objects, and the counts of both.

    Raises:
        DataError: The file cannot be read, or objects cannot be looked for in it.
    """
    if task.recipe.objects is None:
        raise DataError(
            f"{task.source.fov_id}: expected a recipe that finds objects; choose objects", setting="objects"
        )
    localisations, filtered = read_filtered(task)
    try:
        objects = task.recipe.objects(localisations.table, localisations.dimensions, task.source.fov_id)
    except DataError as error:
        raise DataError(f"{task.source.path}: {error}") from error
    slashes = [name for name in objects.names if "/" in name or name in ("", ".", "..")]
    if slashes:
        raise DataError(f"{task.source.path}: expected names of objects without a slash, found {slashes[:3]}")
    return localisations, objects, filtered | dict(objects.counts)


def read_unit(task: ExtractTask) -> Localisations:
    """Read the localisations of a FOV, or of an object of one: these are filtered already.

    Raises:
        DataError: The file cannot be read, or the object is not in it any more.
    """
    source = task.source
    if source.parent is None:
        return read_raw(task)
    name = source.fov_id.removeprefix(f"{source.parent}/")
    localisations, objects, _ = find_objects(replace(task, source=replace(source, fov_id=source.parent, parent=None)))
    rows = dict(objects).get(name)
    if rows is None:
        raise DataError(f"{source.path}: expected the object {name}, found none of this name; prepare the data again")
    part = localisations.table[rows]
    return replace(localisations, table=part.drop(schema.LOC_LABEL) if source.by_majority else part)


@dataclass(frozen=True)
class _Chunk:
    """Some objects of one FOV, with all that a worker process needs.

    Attributes:
        names: Name of each object.
        table: Their localisations, object after object.
        offsets: First row of each, and the number of rows at the end.
        dimensions: 2 or 3.
        task: The FOV.
    """

    names: tuple[str, ...]
    table: pl.DataFrame
    offsets: np.ndarray
    dimensions: int
    task: ExtractTask


def extract_objects(task: ExtractTask, executor: Executor | None = None) -> None:
    """Find the objects of one FOV, write the two tables of each, and then the record of all.

    An object that cannot be used stops no other: the record holds the reason.

    Args:
        task: The FOV, the recipe and the folder to write to.
        executor: Runs the objects, some at a time; None runs them here.

    Raises:
        DataError: The file cannot be read, or holds no object.
    """
    localisations, objects, counts = find_objects(task)
    if not len(objects):
        reasons = sorted(set(objects.left_out.values()))
        raise DataError(
            f"{task.source.path}: expected objects, found none within the limits"
            f"{f': {len(objects.left_out)} with ' + ', '.join(reasons) if reasons else ''}; change objects"
        )
    rows = _extract_all(localisations, objects, task, Serial() if executor is None else executor)
    for name, reason in objects.left_out.items():
        unit = task.source.object(name, (task.source.by_object or {}).get(name, task.source.label))
        rows.append(_row(unit, name) | {schema.REASON: reason, schema.FAILED: False, schema.ROWS: _NO_ROWS})
    absent = set(task.source.by_object or {}) - {*objects.names, *objects.left_out}
    counts = count_read(localisations) | counts | ({UNMATCHED: len(absent)} if absent else {})
    dtypes = {name: column.dtype for name, column in OBJECT_COLUMNS.items()}
    table = pl.DataFrame({name: [row.get(name) for row in rows] for name in dtypes}, schema=dtypes)
    _write(task, FovObjects(table, counts, localisations.notes, task.fingerprint))


def _extract_all(
    localisations: Localisations, objects: ObjectRows, task: ExtractTask, executor: Executor
) -> list[dict[str, Any]]:
    """Write the tables of all objects; return a row of the record for each, in their order."""
    chunks: dict[str, _Chunk] = {}
    for first in range(0, len(objects), _CHUNK):
        names, offsets = objects.names[first : first + _CHUNK], objects.offsets[first : first + _CHUNK + 1]
        part = localisations.table[objects.rows[offsets[0] : offsets[-1]]]
        key = f"{task.source.fov_id}: {names[0]} to {names[-1]}"
        chunks[key] = _Chunk(names, part, offsets - offsets[0], localisations.dimensions, task)
    done: dict[str, list[dict[str, Any]]] = {}
    for outcome in executor.run(_extract_chunk, chunks):
        if outcome.failure is not None:  # that of a single object is in its row
            raise DataError(f"{outcome.fov_id}: {outcome.failure}")
        done[outcome.fov_id] = outcome.result
    rows = [row for key in chunks for row in done[key]]
    return [row | {schema.ROWS: own} for row, (_, own) in zip(rows, objects, strict=True)]


def _extract_chunk(chunk: _Chunk) -> list[dict[str, Any]]:
    """Write the tables of some objects; return a row of the record for each."""
    rows = []
    for name, first, end in zip(chunk.names, chunk.offsets.tolist(), chunk.offsets[1:].tolist(), strict=False):
        part = chunk.table[first:end]
        unit = chunk.task.source.object(name, _label(chunk.task, name, part))
        if chunk.task.source.by_majority:
            part = part.drop(schema.LOC_LABEL)
        outcome = attempt(_extract, unit.fov_id, (part, chunk.dimensions, chunk.task, unit))
        about = {schema.REASON: outcome.failure, schema.FAILED: outcome.failure is not None}
        rows.append(_row(unit, name, part) | about | (outcome.result or {}))
    return rows


def _extract(item: tuple[pl.DataFrame, int, ExtractTask, FovSource]) -> dict[str, float]:
    """Write the tables of one object, and return what its manifest tells."""
    part, dimensions, task, unit = item
    own = ExtractTask(unit, task.class_names, task.recipe, task.folder, task.fingerprint)
    counts = {schema.DIMENSIONS: dimensions, LOCALISATIONS_READ: part.height}
    fov = extract_table(part, dimensions, own, counts, ())
    return fov.measures | {name: fov.counts[name] for name in (schema.N_LOCALISATIONS, schema.N_CLUSTERS)}


def _label(task: ExtractTask, name: str, part: pl.DataFrame) -> str | None:
    """Return the class of an object: its own, that of most of its localisations, or that of its FOV."""
    source = task.source
    if source.by_object is not None:
        return source.by_object.get(name)
    if not source.by_majority:
        return source.label
    labels = part[schema.LOC_LABEL].to_numpy()
    labels = labels[labels >= 0]
    return task.class_names[int(np.bincount(labels).argmax())] if labels.size else None


def _row(unit: FovSource, name: str, part: pl.DataFrame | None = None) -> dict[str, Any]:
    row: dict[str, Any] = {schema.FOV_ID: unit.fov_id, schema.OBJECT: name, schema.LABEL: unit.label}
    if part is not None:
        axes = [axis for axis in schema.position_columns(3) if axis in part.columns]
        row |= {axis: part[axis].mean() for axis in axes} | {schema.N_ROWS: part.height}
    return row


def _write(task: ExtractTask, objects: FovObjects) -> None:
    """Write the record, after removing tables of objects that an earlier version of the FOV had."""
    good = objects.used[schema.FOV_ID]
    for kind in (LOCS, CLUSTERS):
        current = {fov_path(task.folder, kind, fov_id) for fov_id in good}
        for path in fov_path(task.folder, kind, task.source.fov_id).with_suffix("").glob(f"*{SUFFIX}"):
            if path not in current and not path.name.startswith("."):
                path.unlink()
    metadata = {
        schema.META_FINGERPRINT: objects.fingerprint,
        schema.META_COUNTS: json.dumps(objects.counts, ensure_ascii=False),
        META_NOTES: json.dumps(list(objects.notes), ensure_ascii=False),
    }
    with whole_file(fov_path(task.folder, OBJECTS, task.source.fov_id)) as temporary:
        objects.table.write_parquet(temporary, metadata=metadata)


def read_objects(folder: Path, fov_id: str) -> FovObjects:
    """Read the record of the objects of one FOV.

    Raises:
        DataError: It is absent, damaged, or not one.
    """
    path = fov_path(folder, OBJECTS, fov_id)
    if not path.is_file():
        raise DataError(f"{fov_id}: expected the record of its objects at {path}; found no file. Prepare it again")
    table, metadata = read_parquet(path)
    try:
        counts: Mapping[str, int] = json.loads(metadata[schema.META_COUNTS])
        notes = tuple(json.loads(metadata[META_NOTES]))
        table = table.select(pl.col(c.name).cast(c.dtype) for c in OBJECT_COLUMNS.values())
        return FovObjects(table, dict(counts), notes, metadata[schema.META_FINGERPRINT])
    except (KeyError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataError(
            f"{path}: expected the record of objects ({error!r}); delete it, and prepare it again"
        ) from error


def objects_fingerprint(folder: Path, fov_id: str) -> str | None:
    """Return the fingerprint of the record of one FOV; None where there is none that can be read."""
    try:
        return read_metadata(fov_path(folder, OBJECTS, fov_id)).get(schema.META_FINGERPRINT)
    except (DataError, OSError):
        return None
