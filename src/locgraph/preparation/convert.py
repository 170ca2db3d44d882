"""The stage from files of any software to canonical parquet: nanometres, frames from 0, a record of the source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from locgraph import schema
from locgraph.errors import ConfigError, DataError
from locgraph.io.catalogue import Catalogue, FovSource, is_folder, scan
from locgraph.io.columns import ColumnMap, ColumnSource
from locgraph.io.converted import (
    META_FIRST_FRAME,
    ROWS_READ,
    Converted,
    converted_path,
    read_converted,
    write_converted,
)
from locgraph.io.groups import GroupSource
from locgraph.io.header import RawFile
from locgraph.io.inspection import channel_labels
from locgraph.io.label_map import label_localisations
from locgraph.io.labels import LabelSource
from locgraph.io.localisations import Localisations
from locgraph.io.manifest import Manifest
from locgraph.io.read import find_columns, open_columns, read_header, read_rows
from locgraph.io.readers.columnar import SUFFIX
from locgraph.io.refused import ROWS_REFUSED
from locgraph.preparation.executors import Executor
from locgraph.preparation.prepare import manifest_table
from locgraph.preparation.stage import Progress, no_progress, stage
from locgraph.provenance import file_digest, fingerprint

_SHOWN: Final = 10

CONVERT_VERSION: Final = 2
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


@dataclass(frozen=True)
class Conversion:
    """Result of a conversion.

    Attributes:
        files: FOV to the record of its converted file.
        made: FOVs converted now; the other ``files`` were up to date.
        manifest: One row for each of ``files``, and the reason for each FOV that failed.
        outdated: Files in the target folder that an earlier conversion made from this source, and that this one could
            not confirm, as their FOV failed, or its file is gone from the source.
    """

    files: dict[str, Converted]
    made: tuple[str, ...]
    manifest: Manifest
    outdated: tuple[Path, ...]


def find_sources(path: Path, columns: ColumnSource, labels: LabelSource, groups: GroupSource) -> Catalogue:
    """Return the FOV of one file, or those of a folder as ``io.catalogue.scan`` finds them.

    Raises:
        DataError: There is nothing at ``path``, or nothing there can be read.
    """
    if is_folder(path, columns):
        return scan(path, columns, labels, groups)
    header = read_header(path, columns)
    file = RawFile(path.with_suffix("").name, path, header.names, dict(header.metadata))
    labelling = labels.labels([file])
    by_group, failures = groups.groups([file])
    failures = failures | labelling.failures
    if failures:
        return Catalogue((), labelling.class_names, failures)
    label, group = labelling.by_fov[file.fov_id], by_group[file.fov_id]
    annotated = labelling.annotated.get(file.fov_id)
    source = FovSource(file.fov_id, path, label, group, labelling.by_localisation, annotated=annotated)
    return Catalogue((source,), labelling.class_names, {})


def check_target(source: Path, target: Path) -> None:
    """Refuse a target folder in which converted files and source files would mix.

    Args:
        source: File or folder, absolute.
        target: Folder to write to, absolute.

    Raises:
        ConfigError: The target is a file, or within the source folder.
    """
    if target.is_file() or (target.suffix.lower() == SUFFIX and not target.is_dir()):
        raise ConfigError(
            f"expected a folder, in which each file gets the name of its source, found the name of a file, {target}; "
            "name the folder alone",
            setting="target",
        )
    if source.is_dir() and (target == source or source in target.parents):
        raise ConfigError(
            f"expected a folder outside the source {source}, found {target}: converted files would be taken for "
            "sources the next time; choose a folder beside it",
            setting="target",
        )


def convert(
    catalogue: Catalogue,
    recipe: ConvertRecipe,
    source: Path,
    target: Path,
    executor: Executor,
    progress: Progress = no_progress,
) -> Conversion:
    """Convert every FOV of the catalogue whose converted file is not up to date.

    Args:
        catalogue: The FOVs, and those that failed already.
        recipe: How files are read.
        source: The file or folder that the catalogue was made of.
        target: Folder to write to: each FOV at the same place as below the source.
        executor: Runs the FOVs.
        progress: Shows progress.

    Returns:
        What was converted, what failed, and what is outdated.

    Raises:
        ConfigError: Labels are of objects.
        DataError: A file would be overwritten that was not converted from the same source; nothing is written then.
    """
    if any(source.by_object is not None or source.by_majority for source in catalogue.sources):
        raise ConfigError(
            "gives classes of objects, which converted files do not hold: they are files of FOVs. Choose other labels, "
            "or none, and give the classes of objects when training",
            setting="labels",
        )
    earlier = _read_earlier(catalogue, target)

    def plan(fov: FovSource) -> ConvertTask | None:
        digest = file_digest(fov.path)
        wanted = convert_fingerprint(fov, catalogue.class_names, recipe, digest)
        about = earlier.get(fov.fov_id)
        if about is not None and about.fingerprint == wanted:
            return None
        path = converted_path(target, fov.fov_id)
        return ConvertTask(fov, catalogue.class_names, recipe, path, digest, wanted)

    sources = {fov.fov_id: fov for fov in catalogue.sources}
    result = stage("convert", target, convert_fov, sources, plan, executor, progress)
    made, failures, files = set(result.made), result.failures, {}
    for fov_id in (fov_id for fov_id in sources if fov_id not in failures):
        about = read_converted(converted_path(target, fov_id)) if fov_id in made else earlier[fov_id]
        if about is None:
            failures[fov_id] = f"{converted_path(target, fov_id)}: expected the file just written, found another"
        else:
            files[fov_id] = about
    manifest = _manifest(files, target, catalogue.class_names, dict(catalogue.failures) | failures)
    kept = tuple(fov_id for fov_id in result.made if fov_id in files)
    return Conversion(files, kept, manifest, _left_over(source, target, files))


def _read_earlier(catalogue: Catalogue, target: Path) -> dict[str, Converted]:
    """Return the record of each FOV's file in the target folder, where there is one already.

    Raises:
        DataError: A file there was not converted from the same source.
    """
    earlier, foreign = {}, []
    for source in catalogue.sources:
        path = converted_path(target, source.fov_id)
        if not path.exists():
            continue
        about = read_converted(path)
        if about is None:
            foreign.append(f"\n  {path}, which locgraph import did not write")
        elif about.source.get("path") != str(source.path) and about.source.get("digest") != file_digest(source.path):
            foreign.append(f"\n  {path}, imported from {about.source.get('path')}, not from {source.path}")
        else:
            earlier[source.fov_id] = about
    if foreign:
        more = f"\n  and {len(foreign) - _SHOWN} more" if len(foreign) > _SHOWN else ""
        raise DataError(
            "expected no files where to write but those imported from the same source before, found"
            f"{''.join(foreign[:_SHOWN])}{more}\nNothing was written. Choose another target, or move these files away",
            setting="target",
        )
    return earlier


def _manifest(
    files: Mapping[str, Converted], target: Path, class_names: tuple[str, ...], failures: dict[str, str]
) -> Manifest:
    rows = [
        {
            schema.FOV_ID: fov_id,
            schema.PATH: str(converted_path(target, fov_id)),
            schema.LABEL: about.label,
            schema.GROUP: about.group,
            schema.DIMENSIONS: about.dimensions,
            schema.N_LOCALISATIONS: about.counts[schema.N_LOCALISATIONS],
        }
        for fov_id, about in files.items()
    ]
    return Manifest(manifest_table(rows), class_names, failures)


def _left_over(source: Path, target: Path, files: Mapping[str, Converted]) -> tuple[Path, ...]:
    """Return converted files that come from this source, and are none of ``files``."""
    current = {converted_path(target, fov_id) for fov_id in files}
    left_over = []
    for path in sorted(target.rglob(f"*{SUFFIX}")):
        hidden = any(part.startswith(".") for part in path.relative_to(target).parts)
        about = None if hidden or path in current else read_converted(path)
        origin = Path(str(about.source.get("path"))) if about else None
        if origin and (origin == source or source in origin.parents):
            left_over.append(path)
    return tuple(left_over)


def convert_fingerprint(source: FovSource, class_names: tuple[str, ...], recipe: ConvertRecipe, digest: str) -> str:
    """Return the fingerprint of the converted file, which changes with anything that could change it.

    Args:
        source: The FOV.
        class_names: All classes, in the order of their indices.
        recipe: How files are read.
        digest: Of the content of the source; what is read beside it, as Picasso's YAML, counts too.

    Raises:
        DataError: The file does not say what its columns are, or is not the one that was annotated.
    """
    with open_columns(source.path, recipe.columns) as reader:
        names_in_file = reader.header.names
        chosen = find_columns(reader, recipe.columns)
        content = [digest, *(file_digest(path) for path in reader.companions())]
    columns = _resolved(chosen, names_in_file, list(chosen.present(names_in_file)))
    names = [source.fov_id, source.label, source.group, list(class_names), source.by_localisation]
    if source.annotated is not None:
        source.annotated.check_data(digest, source.fov_id)
        names += source.annotated.decides()
    return fingerprint(CONVERT_VERSION, dict(recipe.settings), content, columns, names)


def convert_fov(task: ConvertTask) -> None:
    """Read one FOV and write its converted file.

    Raises:
        DataError: The file cannot be read, or too many of its rows are refused.
    """
    path, recipe = task.source.path, task.recipe
    with open_columns(path, recipe.columns) as reader:
        header, kind = reader.header, reader.kind
        chosen = find_columns(reader, recipe.columns)
        localisations = read_rows(reader, chosen, recipe.max_refused_fraction)
    if task.source.parts is not None:
        table = localisations.table.drop(schema.LOC_LABEL, strict=False)
        table, _ = task.source.parts.label(table, task.class_names, None, task.source.fov_id)
        localisations = replace(localisations, table=table)
    elif task.source.by_localisation:
        localisations = label_localisations(localisations, task.class_names, str(path))
    about = Converted(
        fov_id=task.source.fov_id,
        dimensions=localisations.dimensions,
        source={
            "path": str(path),
            "digest": task.digest,
            "reader": kind,
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
        first_frame=_first_frame(localisations),
        notes=localisations.notes,
        source_metadata=localisations.metadata,
    )
    write_converted(task.target, localisations.table, about)


def _first_frame(localisations: Localisations) -> int | None:
    """Return the number of the first frame in the original source, also where the source was converted itself."""
    if localisations.first_frame is None:
        return None
    earlier = localisations.metadata.get(META_FIRST_FRAME, "")
    return localisations.first_frame + (int(earlier) if earlier.lstrip("-").isdecimal() else 0)


def _counts(localisations: Localisations) -> dict[str, int]:
    refused, kept = localisations.refused, localisations.table.height
    lost = sum(refused.values())
    counts = {ROWS_READ: kept + lost, ROWS_REFUSED: lost, schema.N_LOCALISATIONS: kept}
    return counts | {f"{ROWS_REFUSED}: {reason}": count for reason, count in refused.items()}


def _resolved(chosen: ColumnMap, names_in_file: Sequence[str], kept: Sequence[str]) -> dict[str, Any]:
    """Return the columns, units and pixel size that were chosen for one file."""
    names = {name: list(sources) for name, sources in chosen.present(names_in_file).items()}
    taken = chosen.sources(names_in_file)
    return {
        "names": {name: names[name] for name in kept if name in names},  # classes may be those of annotators
        "units": {name: chosen.unit_of(name) for name in kept if schema.is_length(name)},
        "pixel_size_nm": chosen.pixel_size_nm,
        "not_taken": [name for name in names_in_file if name not in taken],
    }


def _channels(chosen: ColumnMap, localisations: Localisations) -> dict[str, str]:
    if schema.CHANNEL not in localisations.table.columns:
        return {}
    if chosen.channels:
        return {str(index): name for index, name in enumerate(chosen.channels)}
    return channel_labels(localisations.metadata)
