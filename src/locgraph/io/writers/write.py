"""Localisations of one field of view (FOV) written for other software, with the classes predicted of its objects."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from locgraph import __version__, schema
from locgraph.errors import ConfigError, DataError
from locgraph.io.writers.base import GROUP, Camera, Part, Writer, check_finite
from locgraph.io.writers.camera import find_camera
from locgraph.io.writers.groups import ObjectGroups, assign, count_rows, no_objects
from locgraph.io.writers.parquet import ParquetWriter
from locgraph.io.writers.picasso import PicassoWriter
from locgraph.io.writers.source import Source
from locgraph.io.writers.thunderstorm import ThunderStormWriter
from locgraph.settings import check_length

WRITERS: Final[Mapping[str, type[Writer]]] = {
    "picasso": PicassoWriter,
    "thunderstorm": ThunderStormWriter,
    "parquet": ParquetWriter,
}
BY_CLASS: Final = "class"
BY_OBJECT: Final = "object"
_GROUP_BY: Final = {BY_CLASS: schema.PREDICTED_CLASS, BY_OBJECT: schema.OBJECT}
WITHOUT_CLASS: Final = "without_class"
"""Ends the name of the file, of one for each class, with what has no class."""
_KEEP: Final = (*schema.LOCALISATION_COLUMNS.keys() - {schema.VIEW, schema.CLUSTER_ID},)


@dataclass(frozen=True)
class Export:
    """What was written.

    Attributes:
        files: Class -> its file; None -> the file of all, or that of what has no class.
        counts: See `count_rows`; with ``written``, the rows in all files together.
        notes: What a reader of the files should know.
    """

    files: dict[str | None, Path]
    counts: dict[str, int]
    notes: tuple[str, ...]


def write_localisations(
    path: Path,
    localisations: pl.DataFrame,
    groups: ObjectGroups | None,
    source: Source,
    *,
    format: str = "picasso",
    group_by: str = BY_CLASS,
    one_file_per_class: bool = False,
    keep_outside: bool = True,
    pixel_size_nm: float | None = None,
    precision_nm: float | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> Export:
    """Write the localisations of one FOV with the classes of its objects.

    A localisation in several objects, as overlapping tiles are, is written once for each, with the group of each.

    Args:
        path: Where to, without suffix: the format gives it.
        localisations: All localisations of the FOV: canonical columns in nm, frames from 0.
        groups: Its objects; None for none.
        source: The file they were read from, see `source_of`.
        format: ``picasso``, ``thunderstorm`` or ``parquet``.
        group_by: What numbers the groups: ``class`` (index of the predicted class) or ``object``; -1 is none.
        one_file_per_class: Whether each predicted class gets a file of its own, called after it; a class without
            localisations gets none.
        keep_outside: Whether localisations in no object are written, with group -1, or left out.
        pixel_size_nm: Side of a camera pixel in nm, for formats in pixels whose source does not state it.
        precision_nm: Localisation precision in nm that is written where the source has none and the format needs it.
        provenance: Name -> plain value, to be kept in the file: model, limit of probability and the like.

    Returns:
        The files, counts and notes.

    Raises:
        ConfigError: A setting cannot work, or one is missing for this source.
        DataError: Objects and localisations do not fit, a value is missing, or names of classes make the same file.
        StorageError: A file cannot be written.
    """
    writer, number = _writer(format), _choice(group_by)
    groups = no_objects() if groups is None else groups
    table, notes = _complete(localisations, writer, format, precision_nm)
    check_finite(table, str(source.path or path))
    camera = find_camera(table, source, pixel_size_nm) if writer.has_pixels else None
    assigned = assign(groups, table.height, keep_outside=keep_outside)
    rows = pl.concat([table[assigned[schema.ROW]], assigned], how="horizontal")
    rows = rows.with_columns(pl.col(number).alias(GROUP))
    counts = {**count_rows(groups, table.height), "written": rows.height}
    notes += _notes(counts, keep_outside=keep_outside) + (() if camera is None else _camera_notes(camera))
    facts = _facts(source, group_by, counts, notes) | dict(provenance or {})
    names = tuple(groups.class_names), tuple(groups.names)
    if one_file_per_class:
        _check_distinct(groups.class_names, path)
    files: dict[str | None, Path] = {}
    for class_name, part in _split(rows, groups.class_names) if one_file_per_class else [(None, rows)]:
        files[class_name] = _path(path, class_name, writer.suffix, is_part=one_file_per_class)
        writer(files[class_name], Part(part, source, facts, *names, camera))
    return Export(files, counts, notes)


def _writer(format: str) -> Writer:
    if format not in WRITERS:
        raise ConfigError(f"expected one of {', '.join(WRITERS)}; found {format!r}", setting="format")
    return WRITERS[format]()


def _choice(group_by: str) -> str:
    if group_by not in _GROUP_BY:
        raise ConfigError(f"expected one of {', '.join(_GROUP_BY)}; found {group_by!r}", setting="group_by")
    return _GROUP_BY[group_by]


def _complete(
    localisations: pl.DataFrame, writer: Writer, format: str, precision_nm: float | None
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Return the canonical columns, with what the format cannot do without, and notes on what was put in."""
    table = localisations.select(name for name in localisations.columns if name in _KEEP)
    notes: tuple[str, ...] = ()
    if schema.PRECISION in writer.requires and schema.PRECISION not in table.columns:
        if precision_nm is None:
            raise ConfigError(
                f"expected the localisation precision, which {format} needs; found none in the source. Give one for "
                "all localisations in nm, or choose another format",
                setting="precision_nm",
            )
        value = check_length("precision_nm", precision_nm)
        table = table.with_columns(pl.lit(value).alias(schema.PRECISION))
        notes += (f"the source has no precision: {value:g} nm is written for all",)
    if schema.FRAME not in table.columns and writer.suffix != ParquetWriter.suffix:
        notes += ("the source has no frames: all rows are in the first",)
    return table, notes


def _split(rows: pl.DataFrame, class_names: Sequence[str]) -> list[tuple[str | None, pl.DataFrame]]:
    """Return the rows of each class that has some, then those without class."""
    index = pl.col(schema.PREDICTED_CLASS)
    parts: list[tuple[str | None, pl.DataFrame]] = [
        (name, rows.filter(index == number)) for number, name in enumerate(class_names)
    ]
    parts.append((None, rows.filter(index < 0)))
    return [(name, part) for name, part in parts if not part.is_empty()]


def _path(path: Path, class_name: str | None, suffix: str, *, is_part: bool) -> Path:
    """Return the path of a file; letters that some file system refuses become ``-``."""
    if not is_part:
        return path.with_name(path.name + suffix)
    name = WITHOUT_CLASS if class_name is None else re.sub(r"[^\w.+-]+", "-", class_name)
    return path.with_name(f"{path.name}_{name}{suffix}")


def _notes(counts: Mapping[str, int], *, keep_outside: bool) -> tuple[str, ...]:
    notes: list[str] = []
    if counts["in_several_objects"]:
        notes.append(
            f"localisations in several objects, written once for each: {counts['in_several_objects']:,}, which makes "
            f"{counts['repeated']:,} further rows"
        )
    if counts["in_no_object"]:
        fate = "written with group -1" if keep_outside else "left out"
        notes.append(f"localisations in no object, {fate}: {counts['in_no_object']:,}")
    if counts["objects_without_class"]:
        notes.append(f"objects without a class, whose class is -1: {counts['objects_without_class']:,}")
    return tuple(notes)


def _camera_notes(camera: Camera) -> tuple[str, ...]:
    notes: tuple[str, ...] = ()
    if any(camera.shift):
        x, y = camera.shift
        notes += (f"positions are moved by {x} pixels along x and {y} along y, as some were below 0",)
    if camera.below_0:
        notes += (f"localisations below 0, which Picasso leaves out when it reads the file: {camera.below_0:,}",)
    return notes


def _facts(source: Source, group_by: str, counts: Mapping[str, int], notes: Sequence[str]) -> dict[str, Any]:
    """Return what every format keeps of how a file was made."""
    return {
        "Generated by": f"locgraph {__version__} export",
        "Source": None if source.path is None else source.path.name,
        "Group": "index of the predicted class" if group_by == BY_CLASS else "number of the object",
        "Counts": dict(counts),
        "Notes": list(notes),
    }


def _check_distinct(class_names: Sequence[str], path: Path) -> None:
    """Refuse classes whose files would have the same name.

    Raises:
        DataError: Two classes differ only in letters that no file name holds.
    """
    names = [_path(path, name, "", is_part=True).name.lower() for name in class_names]
    if len(set(names)) < len(names):
        raise DataError(f"expected classes whose names differ in letters that file names hold, found {class_names}")
