"""What a file of localisations holds, told without refusing it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from locgraph import schema
from locgraph.errors import ConfigError, DataError
from locgraph.io.column_ranges import ColumnRange, other_ranges, taken_ranges
from locgraph.io.columns import ColumnMap, ColumnSource
from locgraph.io.header import NOTE
from locgraph.io.label_map import read_map
from locgraph.io.localisations import from_frame_0, refuse_rows, without_flat_z
from locgraph.io.problems import find_problems
from locgraph.io.read import Reader, find_reader
from locgraph.io.suggestion import suggest_columns


@dataclass(frozen=True)
class Inspection:
    """What a file holds.

    Attributes:
        path: The file.
        n_bytes: Its size.
        reader: Kind of file, such as ``parquet``.
        software: What wrote it; None where its columns do not tell.
        rows: Number of rows.
        columns: Taken columns in the order of the schema, after conversion, then the others as they are.
        locs: Canonical columns without the refused rows; None where the columns are not known.
        dimensions: 2 or 3; None where the columns are not known.
        refused: Reason -> number of rows refused for it.
        frames: What the file calls its first and last frame; None without frames.
        channels: Channel -> number of localisations.
        loc_classes: Class -> number of localisations, where each has its own.
        metadata: What the file says of itself.
        label: Its class by the metadata; None where it has none.
        class_names: All classes by the metadata.
        group: Its group by the metadata; None where it has none.
        notes: What else a user should know of how it is read.
        problems: What seems to be wrong, each with what to do.
        error: Why it cannot be read with these column settings; None where it can.
        suggestion: Settings that may fit, for a file whose columns are not known; empty where nothing comes to mind.
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
    suggestion: str = ""


def inspect(path: Path, columns: ColumnSource, max_refused_fraction: float) -> Inspection:
    """Reads a file whole and says what it holds.

    Args:
        path: The file.
        columns: Which column is which, in which unit. Where it does not fit, the columns are told as they are.
        max_refused_fraction: Largest part of the rows, 0 to 1, that may be refused without a word.

    Returns:
        What the file holds.

    Raises:
        DataError: The file is absent, a folder, damaged, or of no kind that is known.
    """
    if path.is_dir():
        raise DataError(f"{path}: expected one file to inspect; found a folder. Name a file in it")
    reader = find_reader(path)
    header = reader.read_header(path)
    table, metadata = reader.read_table(path)
    label, class_names, problems = _label(metadata)
    known: dict[str, Any] = {
        "path": path,
        "n_bytes": path.stat().st_size,
        "reader": reader_name(reader),
        "software": header.layout.software if header.layout else None,
        "rows": table.height,
        "metadata": dict(metadata),
        "label": label,
        "class_names": class_names,
        "group": metadata.get(schema.META_GROUP),
    }
    try:
        chosen = columns.for_file(header, str(path))
        chosen.check_required(header.names, str(path))
        canonical = chosen.to_canonical(table, str(path))
    except (DataError, ConfigError) as error:
        return Inspection(
            **known,
            columns=tuple(other_ranges(table, ())),
            problems=tuple(problems),
            error=str(error),
            suggestion=suggest_columns(header.names) if header.layout is None else "",
        )
    return _described(known, chosen, table, canonical, max_refused_fraction, problems)


def _described(
    known: dict[str, Any],
    chosen: ColumnMap,
    source: pl.DataFrame,
    canonical: pl.DataFrame,
    max_refused_fraction: float,
    problems: Sequence[str],
) -> Inspection:
    """The inspection of a file whose columns are known."""
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
        notes=(*notes, *_notes(known["metadata"])),
        problems=(
            *problems,
            *find_problems(canonical, kept, refused, chosen, max_refused_fraction),
            *([f"not taken: {', '.join(column.source for column in others)}"] if others else []),
        ),
    )


def reader_name(reader: Reader) -> str:
    """Kind of file that a reader reads, in one word."""
    return type(reader).__name__.removesuffix("Reader").lower()


def channel_names(metadata: Mapping[str, str]) -> dict[str, str]:
    """Channel index -> name, where the metadata has them as JSON; empty where not."""
    try:
        found = json.loads(metadata.get(schema.META_CHANNEL_LABELS, "{}"))
    except ValueError:
        return {}
    if isinstance(found, list):
        found = dict(enumerate(found))
    return {str(index): str(name) for index, name in found.items()} if isinstance(found, dict) else {}


def _notes(metadata: Mapping[str, str]) -> list[str]:
    return [metadata[NOTE]] if NOTE in metadata else []


def _label(metadata: Mapping[str, str]) -> tuple[str | None, tuple[str, ...], list[str]]:
    """Class, all classes, and what is wrong with them, by the metadata."""
    try:
        found = read_map(metadata)
    except ValueError as error:
        return None, (), [str(error)]
    text, names = metadata.get(schema.META_LABEL), tuple(found.values())
    if text is None or not found:
        return None, names, []
    try:
        return found[int(text)], names, []
    except (ValueError, KeyError):
        keys = ", ".join(map(str, found))
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
    names = channel_names(metadata) | {str(index): name for index, name in enumerate(chosen.channels or ())}
    counts = kept[schema.CHANNEL].value_counts().sort(schema.CHANNEL).iter_rows()
    return {f"{index} ({names[str(index)]})" if str(index) in names else str(index): n for index, n in counts}
