"""One FOV from a file of any software to canonical parquet: nanometres, frames from 0, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from locgraph import schema
from locgraph.io.catalogue import FovSource
from locgraph.io.columns import ColumnMap, ColumnSource
from locgraph.io.converted import META_FIRST_FRAME, ROWS_READ, ROWS_REFUSED, Converted, write_converted
from locgraph.io.inspection import channel_names, reader_name
from locgraph.io.loc_labels import label_localisations
from locgraph.io.localisations import Localisations
from locgraph.io.read import companions, find_reader, read_localisations
from locgraph.provenance import file_digest, fingerprint

CONVERT_VERSION: Final = 1
"""Raised whenever the same file and settings give another file than before: those of earlier versions are redone."""


@dataclass(frozen=True)
class ConvertRecipe:
    """Everything that decides a converted file.

    Attributes:
        columns: Which column is which, in which unit.
        max_refused_fraction: A FOV with a larger fraction of unusable rows fails.
        settings: The same as plain values: they make the fingerprint and are written into every file.
    """

    columns: ColumnSource
    max_refused_fraction: float
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class ConvertTask:
    """One FOV to convert, with all that a worker process needs."""

    source: FovSource
    class_names: tuple[str, ...]
    recipe: ConvertRecipe
    target: Path
    digest: str
    fingerprint: str


def convert_fingerprint(source: FovSource, class_names: tuple[str, ...], recipe: ConvertRecipe, digest: str) -> str:
    """Fingerprint of the converted file; changes with anything that could change it.

    Args:
        source: The FOV.
        class_names: All classes, in the order of their indices.
        recipe: How files are read.
        digest: Of the content of the source; what is read beside it, as Picasso's YAML, counts too.

    Raises:
        DataError: The file does not say what its columns are.
    """
    header = find_reader(source.path).read_header(source.path)
    chosen = recipe.columns.for_file(header, str(source.path))
    columns = _resolved(chosen, header.names, list(chosen.present(header.names)))
    content = [digest, *(file_digest(path) for path in companions(source.path))]
    names = [source.fov_id, source.label, source.group, list(class_names), source.by_localisation]
    return fingerprint(CONVERT_VERSION, dict(recipe.settings), content, columns, names)


def convert_fov(task: ConvertTask) -> None:
    """Reads one FOV and writes its converted file.

    Raises:
        DataError: The file cannot be read, or too many of its rows are refused.
    """
    path, recipe = task.source.path, task.recipe
    reader = find_reader(path)
    header = reader.read_header(path)
    chosen = recipe.columns.for_file(header, str(path))
    localisations = read_localisations(path, recipe.columns, recipe.max_refused_fraction)
    if task.source.by_localisation:
        localisations = label_localisations(localisations, task.class_names, str(path))
    about = Converted(
        fov_id=task.source.fov_id,
        dimensions=localisations.dimensions,
        source={
            "path": str(path),
            "digest": task.digest,
            "reader": reader_name(reader),
            "software": header.layout.software if header.layout else None,
        },
        counts=_counts(localisations),
        recipe=dict(recipe.settings) | _resolved(chosen, header.names, localisations.table.columns),
        fingerprint=task.fingerprint,
        label=task.source.label,
        class_names=task.class_names,
        loc_labels=task.source.by_localisation,
        group=task.source.group,
        channels=_channels(chosen, localisations),
        first_frame=_called_frame_0(localisations),
        notes=localisations.notes,
        source_metadata=localisations.metadata,
    )
    write_converted(task.target, localisations.table, about)


def _called_frame_0(localisations: Localisations) -> int | None:
    """What the first source calls frame 0: one that was converted itself knows by how much that shifted."""
    if localisations.first_frame is None:
        return None
    earlier = localisations.metadata.get(META_FIRST_FRAME, "")
    return localisations.first_frame + (int(earlier) if earlier.lstrip("-").isdecimal() else 0)


def _counts(localisations: Localisations) -> dict[str, int]:
    refused, kept = localisations.refused, localisations.table.height
    lost = sum(refused.values())
    counts = {ROWS_READ: kept + lost, ROWS_REFUSED: lost, schema.N_LOCALISATIONS: kept}
    return counts | {f"{ROWS_REFUSED}: {reason}": count for reason, count in refused.items()}


def _resolved(chosen: ColumnMap, found: Sequence[str], kept: Sequence[str]) -> dict[str, Any]:
    """What the column settings came to for one file."""
    names = {name: list(sources) for name, sources in chosen.present(found).items()}
    taken = chosen.sources(found)
    return {
        "names": {name: names[name] for name in kept},
        "units": {name: chosen.unit_of(name) for name in kept if schema.is_length(name)},
        "pixel_size_nm": chosen.pixel_size_nm,
        "not_taken": [name for name in found if name not in taken],
    }


def _channels(chosen: ColumnMap, localisations: Localisations) -> dict[str, str]:
    if schema.CHANNEL not in localisations.table.columns:
        return {}
    if chosen.channels:
        return {str(index): name for index, name in enumerate(chosen.channels)}
    return channel_names(localisations.metadata)
