"""Files that ``locgraph import`` writes: the localisations of one FOV in nm and frames, and where they come from."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import polars as pl

from locgraph import __version__, schema
from locgraph.errors import DataError
from locgraph.io.label_map import EACH_LOCALISATION, SCOPE
from locgraph.io.readers.columnar import SUFFIX, is_parquet, read_metadata
from locgraph.io.refused import count_refused
from locgraph.io.values import PIXEL, SQUARES, unit_in_name
from locgraph.provenance import versions, whole_file, write_json
from locgraph.run_folder import IMPORT_RECORD

META_SOURCE: Final = "source"  # JSON: path, digest, reader and software of the file it was made from
META_SOURCE_METADATA: Final = "source_metadata"  # JSON: metadata of that file, key -> text
META_FIRST_FRAME: Final = "first_frame"  # integer: what the source calls frame 0
META_NOTES: Final = "notes"  # JSON: list of remarks on how it was read

_IMPORTS: Final = "imports"

ROWS_READ: Final = "rows_read"
"""Entry of the counts: rows of the source."""


@dataclass(frozen=True)
class Converted:
    """Metadata of a converted file.

    Attributes:
        fov_id: Name of the FOV.
        dimensions: 2 or 3.
        source: ``path``, ``digest``, ``reader`` and ``software`` of the file it was made from.
        counts: Rows read and refused, localisations kept.
        recipe: The settings, and the columns that they gave for this file: ``names`` (canonical name -> source
            columns), ``units``, ``pixel_size_nm`` and ``not_taken`` (source columns left behind).
        fingerprint: Of source and settings: equal means up to date.
        label: Class name; None where it has none.
        class_names: All classes, in the order of their indices.
        loc_labels: Whether these are classes of single localisations.
        group: Group; None where it has none.
        channels: Channel index -> name, as far as names are known.
        first_frame: What the source calls frame 0; None without frames.
        notes: Remarks on how it was read.
        source_metadata: Metadata of the source.
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


def converted_path(folder: Path, fov_id: str) -> Path:
    """Return the path of the file of a FOV."""
    return folder / f"{fov_id}{SUFFIX}"


def write_converted(path: Path, table: pl.DataFrame, about: Converted) -> None:
    """Write one FOV, whole or not at all.

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
    """Return the metadata of a file of `write_converted`; None where it is absent, damaged or another file."""
    try:
        if not is_parquet(path):
            return None
        metadata = read_metadata(path)
        names = json.loads(metadata.get(schema.META_LABEL_MAP, "{}"))
        label = metadata.get(schema.META_LABEL)
        return Converted(
            fov_id=metadata[schema.META_FOV_ID],
            dimensions=int(metadata[schema.META_DIMENSIONS]),
            source=dict(json.loads(metadata[META_SOURCE])),
            counts={name: int(count) for name, count in json.loads(metadata[schema.META_COUNTS]).items()},
            recipe=dict(json.loads(metadata[schema.META_RECIPE])),
            fingerprint=metadata[schema.META_FINGERPRINT],
            label=None if label is None else names[label],
            class_names=tuple(names[str(index)] for index in range(len(names))),
            loc_labels=metadata.get(SCOPE) == EACH_LOCALISATION,
            group=metadata.get(schema.META_GROUP),
            channels=json.loads(metadata.get(schema.META_CHANNEL_LABELS, "{}")),
            first_frame=int(metadata[META_FIRST_FRAME]) if META_FIRST_FRAME in metadata else None,
            notes=tuple(json.loads(metadata[META_NOTES])),
            source_metadata=json.loads(metadata[META_SOURCE_METADATA]),
        )
    except (DataError, OSError, KeyError, ValueError, TypeError, AttributeError):
        return None


def _metadata(table: pl.DataFrame, about: Converted) -> dict[str, str]:
    def text(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False)

    metadata = {
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
        metadata[schema.META_CHANNELS] = text(table[schema.CHANNEL].unique().sort().to_list())
    if about.channels:
        metadata[schema.META_CHANNEL_LABELS] = text(dict(about.channels))
    if about.class_names:
        metadata[schema.META_LABEL_MAP] = text(dict(enumerate(about.class_names)))
    if about.loc_labels:
        metadata[SCOPE] = EACH_LOCALISATION
    if about.label is not None:
        metadata[schema.META_LABEL] = str(about.class_names.index(about.label))
    if about.group is not None:
        metadata[schema.META_GROUP] = about.group
    if about.first_frame is not None:
        metadata[META_FIRST_FRAME] = str(about.first_frame)
    return metadata


def read_import_record(target: Path) -> dict[str, Any]:
    """Return source -> what an earlier import of it into a folder recorded; empty where there was none.

    Raises:
        DataError: There is a file of this name that is no such record.
    """
    path = target / IMPORT_RECORD
    if not path.exists():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))[_IMPORTS])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"expected no {IMPORT_RECORD} but that of an earlier import; found another file, {path}. Choose another "
            "folder, or move it away",
            setting="target",
        ) from error


def write_import_record(
    target: Path,
    source: Path,
    earlier: Mapping[str, Any],
    files: Mapping[str, Converted],
    failures: Mapping[str, str],
    settings: Mapping[str, Any],
) -> None:
    """Record an import beside the files; these hold the rest.

    Args:
        target: The folder.
        source: File or folder that was imported.
        earlier: Record of earlier imports, see `read_import_record`.
        files: FOV -> metadata of its file.
        failures: FOV -> why it failed.
        settings: Plain settings of the import.
    """
    fovs = {
        fov_id: {"source": dict(about.source), "counts": dict(about.counts), "notes": list(about.notes)}
        for fov_id, about in files.items()
    }
    record = {"settings": settings, "versions": versions(), "fovs": fovs, "failures": dict(sorted(failures.items()))}
    write_json(target / IMPORT_RECORD, {_IMPORTS: {**earlier, str(source): record}})


def summarise(files: Sequence[Converted], n_made: int, n_failed: int) -> list[tuple[str, str]]:
    """Return name and value of each fact about an import: counts, columns taken and not taken, classes, groups, notes.

    Args:
        files: Metadata of the files that are up to date.
        n_made: How many of them were converted now.
        n_failed: Number of FOVs that failed.
    """
    kept = sum(about.counts[schema.N_LOCALISATIONS] for about in files)
    refused = count_refused({about.fov_id: about.counts for about in files}, schema.N_LOCALISATIONS)
    dimensions = " and ".join(f"{number}D" for number in sorted({about.dimensions for about in files}))
    classes = Counter(about.label for about in files if about.label is not None)
    facts = [
        ("FOVs", f"{n_made:,} converted, {len(files) - n_made:,} up to date, {n_failed:,} failed"),
        ("localisations", f"{kept:,} in {dimensions}" if files else "none"),
        ("rows refused", refused.totals() if refused.by_fov else f"0 of {refused.n_rows:,}"),
        *(("", f"{count:,}: {reason}") for reason, count in refused.reasons.items()),
        *((("", f"most: {refused.worst()}"),) if refused.by_fov else ()),
        *_summarise_columns(files),
        ("classes", ", ".join(f"{name} {n}" for name, n in sorted(classes.items()))),
        ("groups", f"{len({about.group for about in files} - {None})}"),
        ("notes", _count_each(about.notes for about in files)),
    ]
    return [(name, words) for name, words in facts if words not in ("", "0")]


def count_unused_labels(files: Sequence[Converted]) -> tuple[int, int]:
    """Return the number of FOVs whose source holds a class, or classes of localisations, that no label source took."""
    fovs = sum(about.label is None and schema.META_LABEL in about.source_metadata for about in files)
    localisations = sum(not about.loc_labels and schema.LOC_LABEL in about.recipe["names"] for about in files)
    return fovs, localisations


def count_fovs(number: int) -> str:
    """Return a number of FOVs in words."""
    return f"{number:,} FOV" + ("" if number == 1 else "s")


def _summarise_columns(files: Sequence[Converted]) -> Iterator[tuple[str, str]]:
    """Yield the columns taken and not taken, for each software."""
    kinds = {about.source.get("software") for about in files}
    for kind in sorted(kinds, key=str):
        same = [about for about in files if about.source.get("software") == kind]
        start = "" if kinds == {None} else f"{kind or 'other'} ({count_fovs(len(same))}): "
        yield "columns taken", start + _count_each(_columns_taken(about) for about in same)
        left = _count_each(about.recipe["not_taken"] for about in same)
        yield "not taken", start + (left or "none, all were taken")


def _columns_taken(about: Converted) -> list[str]:
    """Return each column as ``x from x [nm]``, with the unit where its name does not state it."""
    units, pixel = about.recipe["units"], about.recipe["pixel_size_nm"]
    columns = []
    for name, sources in about.recipe["names"].items():
        unit = units.get(name)
        size = f" of {pixel:g} nm" if unit and SQUARES.get(unit, unit) == PIXEL else ""
        is_stated = unit is None or all(unit_in_name(source) == unit for source in sources)
        columns.append(f"{name} from {' and '.join(sources)}" + ("" if is_stated and not size else f" in {unit}{size}"))
    return columns


def _count_each(texts: Iterable[Iterable[str]]) -> str:
    """Return the texts of all FOVs, most frequent first; with the number of FOVs, where not in all."""
    each = [list(own) for own in texts]
    counts = Counter(text for own in each for text in own)
    return "; ".join(text if n == len(each) else f"{text} ({count_fovs(n)})" for text, n in counts.most_common())
