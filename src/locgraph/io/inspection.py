"""Inspection of a file of localisations: its columns with units and ranges, classes, channels and possible faults."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from locgraph import schema
from locgraph.errors import ConfigError, DataError, within
from locgraph.io.columns import ColumnMap, ColumnSource
from locgraph.io.header import NOTE, Header
from locgraph.io.label_map import read_map
from locgraph.io.localisations import from_frame_0, refuse_rows, without_flat_z
from locgraph.io.problems import find_problems
from locgraph.io.read import find_columns, open_columns, rounded_frames
from locgraph.io.suggestion import ColumnSuggestion, suggest_columns, suggest_part, suggest_units


@dataclass(frozen=True)
class ColumnRange:
    """One column of a file.

    Attributes:
        source: Its name in the file; of several that are one quantity, all.
        dtype: Its type in the file.
        canonical: locgraph's name; None where it is not taken.
        source_unit: Unit of a length in the file; None for what is no length, or not taken.
        unit: Unit of the values below; None where it is not taken.
        low: Smallest finite value; None where there is none, or it is text.
        median: Median of the finite values.
        high: Largest finite value.
        missing: Rows without a value: null, not a number, or infinite.
    """

    source: str
    dtype: str
    canonical: str | None
    source_unit: str | None
    unit: str | None
    low: float | None
    median: float | None
    high: float | None
    missing: int


def taken_ranges(chosen: ColumnMap, source: pl.DataFrame, canonical: pl.DataFrame) -> list[ColumnRange]:
    """Return the columns that are taken, after conversion.

    Args:
        chosen: Which column is which, in which unit.
        source: The table of the file.
        canonical: The same table, converted by ``chosen``.
    """
    present = chosen.present(source.columns)
    return [
        ColumnRange(
            source=", ".join(present[name]),
            dtype=", ".join(dict.fromkeys(str(source.schema[part]) for part in present[name])),
            canonical=name,
            source_unit=chosen.unit_of(name) if schema.is_length(name) else None,
            unit=schema.LOCALISATION_COLUMNS[name].unit,
            **_range(canonical[name]),
        )
        for name in canonical.columns
    ]


def other_ranges(source: pl.DataFrame, taken: Collection[str]) -> list[ColumnRange]:
    """Return the columns of a file that are not among those ``taken``, as they are."""
    return [
        ColumnRange(column.name, str(column.dtype), None, None, None, **_range(column))
        for column in source
        if column.name not in taken
    ]


def _range(column: pl.Series) -> dict[str, Any]:
    values = column
    if column.dtype.is_float():
        values = column.filter(column.is_finite())
    elif column.dtype.is_numeric():
        values = column.drop_nulls()
    missing = len(column) - len(values) if column.dtype.is_numeric() else column.null_count()
    if not column.dtype.is_numeric() or values.is_empty():
        return {"low": None, "median": None, "high": None, "missing": missing}
    numbers = (values.min(), values.median(), values.max())
    low, median, high = (float(number) for number in numbers)  # type: ignore[arg-type]
    return {"low": low, "median": median, "high": high, "missing": missing}


@dataclass(frozen=True)
class Inspection:
    """Content of a file, and how it would be read.

    Attributes:
        path: The file.
        n_bytes: Its size.
        reader: Kind of file, such as ``parquet``.
        software: The software that wrote it; None where its columns do not tell.
        rows: Number of rows.
        columns: Taken columns in the order of the schema, after conversion, then the others as they are.
        locs: Canonical columns without the refused rows; None where the columns are not known.
        dimensions: 2 or 3; None where the columns are not known.
        refused: Reason -> number of rows refused for it.
        frames: First and last frame, as the file numbers them; None without frames.
        channels: Channel -> number of localisations.
        loc_classes: Class -> number of localisations, where each has its own.
        metadata: Metadata of the file.
        label: Its class by the metadata; None where it has none.
        class_names: All classes by the metadata.
        group: Its group by the metadata; None where it has none.
        notes: Remarks on how it is read.
        problems: Possible faults, each with what to do.
        error: Why it cannot be read with these column settings; None where it can.
        suggestion: Columns that may fit, for a file whose columns are not known.
    """

    path: Path
    n_bytes: int
    reader: str
    software: str | None
    rows: int
    columns: tuple[ColumnRange, ...]
    locs: pl.DataFrame | None = None
    dimensions: int | None = None
    refused: dict[str, int] = field(default_factory=dict)
    frames: tuple[int, int] | None = None
    channels: dict[str, int] = field(default_factory=dict)
    loc_classes: dict[str, int] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    label: str | None = None
    class_names: tuple[str, ...] = ()
    group: str | None = None
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    error: str | None = None
    suggestion: ColumnSuggestion | None = None


def inspect(path: Path, columns: ColumnSource, max_refused_fraction: float) -> Inspection:
    """Read a file whole and describe its content, without refusing it for its columns or rows.

    Args:
        path: The file.
        columns: Which column is which, in which unit. Where it does not fit, the columns are described as they are.
        max_refused_fraction: Largest part of the rows, 0 to 1, that may be refused without a remark.

    Raises:
        DataError: The file is absent, a folder, damaged, or of no kind that is known.
    """
    with open_columns(path, columns) as reader:
        with within("columns"):
            header = reader.header
        table, metadata = reader.read_table()
        label, class_names, problems = _label(metadata)
        known: dict[str, Any] = {
            "path": path,
            "n_bytes": reader.file.size,
            "reader": reader.kind,
            "software": header.layout.software if header.layout else None,
            "rows": table.height,
            "metadata": dict(metadata),
            "label": label,
            "class_names": class_names,
            "group": metadata.get(schema.META_GROUP),
        }
        try:
            chosen = find_columns(reader, columns)
            with within("columns"):
                canonical = chosen.to_canonical(table, str(path))
        except (DataError, ConfigError) as error:
            return Inspection(
                **known,
                columns=tuple(other_ranges(table, ())),
                problems=tuple(problems),
                error=str(error),
                notes=tuple(_notes(metadata)),
                suggestion=_suggestion(header, table, columns.table or ""),
            )
    return _described(known, chosen, table, canonical, max_refused_fraction, problems)


def _suggestion(header: Header, table: pl.DataFrame, part: str) -> ColumnSuggestion | None:
    """Return columns that may fit, unless the file states them."""
    layout = header.layout
    if layout is None:
        return suggest_part(table, part) if header.are_paths else suggest_columns(table)
    return None if {schema.X, schema.Y} <= layout.units.keys() else suggest_units(layout)


def _described(
    known: dict[str, Any],
    chosen: ColumnMap,
    source: pl.DataFrame,
    canonical: pl.DataFrame,
    max_refused_fraction: float,
    problems: Sequence[str],
) -> Inspection:
    """Return the inspection of a file whose columns are known."""
    kept, refused = refuse_rows(canonical)
    locs, first = from_frame_0(kept)
    locs, notes = without_flat_z(locs)
    others = other_ranges(source, chosen.sources(source.columns))
    return Inspection(
        **known,
        columns=(*taken_ranges(chosen, source, canonical), *others),
        locs=locs,
        dimensions=3 if schema.Z in locs.columns else 2,
        refused=refused,
        frames=None if first is None else (first, first + int(locs[schema.FRAME].max())),  # type: ignore[arg-type]
        channels=_channels(kept, chosen, known["metadata"]),
        loc_classes=_loc_classes(kept, known["metadata"]),
        notes=(*notes, *rounded_frames(source, chosen), *_notes(known["metadata"])),
        problems=(
            *problems,
            *find_problems(canonical, kept, refused, chosen, max_refused_fraction),
            *([f"not taken: {', '.join(column.source for column in others)}"] if others else []),
        ),
    )


def channel_labels(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return channel index -> name, where the metadata has them as JSON; empty where not."""
    try:
        names = json.loads(metadata.get(schema.META_CHANNEL_LABELS, "{}"))
    except ValueError:
        return {}
    if isinstance(names, list):
        names = dict(enumerate(names))
    return {str(index): str(name) for index, name in names.items()} if isinstance(names, dict) else {}


def _notes(metadata: Mapping[str, str]) -> list[str]:
    return [metadata[NOTE]] if NOTE in metadata else []


def _label(metadata: Mapping[str, str]) -> tuple[str | None, tuple[str, ...], list[str]]:
    """Return class, all classes, and faults of both, by the metadata."""
    try:
        classes = read_map(metadata)
    except ValueError as error:
        return None, (), [str(error)]
    text, names = metadata.get(schema.META_LABEL), tuple(classes.values())
    if text is None or not classes:
        return None, names, []
    try:
        return classes[int(text)], names, []
    except (ValueError, KeyError):
        keys = ", ".join(map(str, classes))
        return None, names, [f"{schema.META_LABEL} is {text!r}, which is none of {keys} in {schema.META_LABEL_MAP}"]


def _loc_classes(kept: pl.DataFrame, metadata: Mapping[str, str]) -> dict[str, int]:
    if schema.LOC_LABEL not in kept.columns:
        return {}
    names = {None: "none", schema.NOISE: "none", "": "none"} | dict(_codes(metadata))
    counts = kept[schema.LOC_LABEL].value_counts().sort(schema.LOC_LABEL).iter_rows()
    return {str(names.get(value, value)): n for value, n in counts}


def _codes(metadata: Mapping[str, str]) -> dict[int, str]:
    try:
        return read_map(metadata)
    except ValueError:
        return {}


def _channels(kept: pl.DataFrame, chosen: ColumnMap, metadata: Mapping[str, str]) -> dict[str, int]:
    if schema.CHANNEL not in kept.columns:
        return {}
    names = channel_labels(metadata) | {str(index): name for index, name in enumerate(chosen.channels or ())}
    counts = kept[schema.CHANNEL].value_counts().sort(schema.CHANNEL).iter_rows()
    return {f"{index} ({names[str(index)]})" if str(index) in names else str(index): n for index, n in counts}
