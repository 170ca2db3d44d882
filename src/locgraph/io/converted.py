"""Files that ``locgraph import`` writes: the localisations of one FOV in nm and frames, and where they come from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import polars as pl

from locgraph import __version__, schema
from locgraph.errors import DataError
from locgraph.io.label_map import EACH_LOCALISATION, SCOPE
from locgraph.io.readers.parquet import SUFFIX, ParquetReader
from locgraph.provenance import whole_file

META_SOURCE: Final = "source"  # JSON: path, digest, reader and software of the file it was made from
META_SOURCE_METADATA: Final = "source_metadata"  # JSON: what that file said of itself, key -> text
META_FIRST_FRAME: Final = "first_frame"  # integer: what the source calls frame 0
META_NOTES: Final = "notes"  # JSON: list of what else a user should know of how it was read

ROWS_READ: Final = "rows_read"
ROWS_REFUSED: Final = "rows_refused"
"""Counts: rows of the source, and those refused; with ``: REASON`` behind it, those refused for one reason."""


@dataclass(frozen=True)
class Converted:
    """What a converted file says of itself.

    Attributes:
        fov_id: Name of the FOV.
        dimensions: 2 or 3.
        source: ``path``, ``digest``, ``reader`` and ``software`` of the file it was made from.
        counts: Rows read and refused, localisations kept.
        recipe: The settings, and what they came to for this file: ``names`` (canonical name -> source columns),
            ``units``, ``pixel_size_nm`` and ``not_taken`` (source columns left behind).
        fingerprint: Of source and settings: equal means up to date.
        label: Class name; None where it has none.
        class_names: All classes, in the order of their indices.
        loc_labels: Whether these are classes of single localisations.
        group: Group; None where it has none.
        channels: Channel index -> name, as far as names are known.
        first_frame: What the source calls frame 0; None without frames.
        notes: What else a user should know of how it was read.
        source_metadata: What the source said of itself.
    """

    fov_id: str
    dimensions: int
    source: Mapping[str, str | None]
    counts: Mapping[str, int]
    recipe: Mapping[str, Any]
    fingerprint: str
    label: str | None = None
    class_names: tuple[str, ...] = ()
    loc_labels: bool = False
    group: str | None = None
    channels: Mapping[str, str] = field(default_factory=dict)
    first_frame: int | None = None
    notes: tuple[str, ...] = ()
    source_metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def refused(self) -> dict[str, int]:
        """Reason -> number of rows refused for it."""
        start = f"{ROWS_REFUSED}: "
        return {name.removeprefix(start): count for name, count in self.counts.items() if name.startswith(start)}


def converted_path(folder: Path, fov_id: str) -> Path:
    """Where the file of a FOV lies."""
    return folder / f"{fov_id}{SUFFIX}"


def write_converted(path: Path, table: pl.DataFrame, about: Converted) -> None:
    """Writes one FOV, whole or not at all.

    Args:
        path: Where to.
        table: Canonical columns.
        about: What to keep beside them.

    Raises:
        DataError: The label is no class.
    """
    if about.label is not None and about.label not in about.class_names:
        raise DataError(f"{about.fov_id}: expected a label among {', '.join(about.class_names)}; found {about.label}")
    with whole_file(path) as temporary:
        table.write_parquet(temporary, metadata=_metadata(table, about))


def read_converted(path: Path) -> Converted | None:
    """What a file written by ``write_converted`` says of itself; None where it is absent, damaged or another file."""
    try:
        reader = ParquetReader()
        if not reader.accepts(path):
            return None
        found = reader.read_header(path).metadata
        names = json.loads(found.get(schema.META_LABEL_MAP, "{}"))
        label = found.get(schema.META_LABEL)
        return Converted(
            fov_id=found[schema.META_FOV_ID],
            dimensions=int(found[schema.META_DIMENSIONS]),
            source=dict(json.loads(found[META_SOURCE])),
            counts={name: int(count) for name, count in json.loads(found[schema.META_COUNTS]).items()},
            recipe=dict(json.loads(found[schema.META_RECIPE])),
            fingerprint=found[schema.META_FINGERPRINT],
            label=None if label is None else names[label],
            class_names=tuple(names[str(index)] for index in range(len(names))),
            loc_labels=found.get(SCOPE) == EACH_LOCALISATION,
            group=found.get(schema.META_GROUP),
            channels=json.loads(found.get(schema.META_CHANNEL_LABELS, "{}")),
            first_frame=int(found[META_FIRST_FRAME]) if META_FIRST_FRAME in found else None,
            notes=tuple(json.loads(found[META_NOTES])),
            source_metadata=json.loads(found[META_SOURCE_METADATA]),
        )
    except (DataError, OSError, KeyError, ValueError, TypeError, AttributeError):
        return None


def _metadata(table: pl.DataFrame, about: Converted) -> dict[str, str]:
    def text(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False)

    found = {
        schema.META_FOV_ID: about.fov_id,
        schema.META_DIMENSIONS: str(about.dimensions),
        schema.META_UNITS: text({name: schema.LOCALISATION_COLUMNS[name].unit for name in table.columns}),
        schema.META_COUNTS: text(dict(about.counts)),
        schema.META_RECIPE: text(dict(about.recipe)),
        schema.META_FINGERPRINT: about.fingerprint,
        schema.META_VERSION: __version__,
        META_SOURCE: text(dict(about.source)),
        META_SOURCE_METADATA: text(dict(about.source_metadata)),
        META_NOTES: text(list(about.notes)),
    }
    if schema.CHANNEL in table.columns:
        found[schema.META_CHANNELS] = text(table[schema.CHANNEL].unique().sort().to_list())
    if about.channels:
        found[schema.META_CHANNEL_LABELS] = text(dict(about.channels))
    if about.class_names:
        found[schema.META_LABEL_MAP] = text(dict(enumerate(about.class_names)))
    if about.loc_labels:
        found[SCOPE] = EACH_LOCALISATION
    if about.label is not None:
        found[schema.META_LABEL] = str(about.class_names.index(about.label))
    if about.group is not None:
        found[schema.META_GROUP] = about.group
    if about.first_frame is not None:
        found[META_FIRST_FRAME] = str(about.first_frame)
    return found
