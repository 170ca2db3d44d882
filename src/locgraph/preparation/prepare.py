"""The stage from raw files to featextracted tables, and the manifest."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import polars as pl

from locgraph import schema
from locgraph.errors import ConfigError, within
from locgraph.io.annotations.statements import UNLABELLED
from locgraph.io.catalogue import Catalogue, FovSource
from locgraph.io.featextracted import read_counts, read_fingerprint
from locgraph.io.manifest import Manifest
from locgraph.io.refused import count_refused
from locgraph.preparation.classes import check_class_failures
from locgraph.preparation.executors import Executor, Serial
from locgraph.preparation.extract import (
    LOCALISATIONS_READ,
    ExtractRecipe,
    ExtractTask,
    extract_fingerprint,
    extract_fov,
)
from locgraph.preparation.objects.extract import FovObjects, extract_objects, objects_fingerprint, read_objects
from locgraph.preparation.stage import Progress, no_progress, stage
from locgraph.run_folder import MANIFEST

log = logging.getLogger(__name__)

_FEW_FOVS: Final = 4
"""Up to this number FOVs are divided one after the other, and it is the objects of each that the executor runs."""


def prepare(
    catalogue: Catalogue,
    recipe: ExtractRecipe,
    folder: Path,
    executor: Executor,
    max_failed_fraction: float,
    progress: Progress = no_progress,
) -> Manifest:
    """Extract every FOV of the catalogue whose tables are not up to date, and write the manifest.

    Args:
        catalogue: The FOVs, and those that failed already.
        recipe: How tables are made.
        folder: Featextracted folder to write to.
        executor: Runs the FOVs.
        max_failed_fraction: Above this fraction of failed FOVs the stage fails.
        progress: Shows progress.

    Returns:
        One row for each good FOV, and the reason for each bad one.

    Raises:
        ConfigError: Labels are of objects, and whole FOVs are to be classified.
        TooManyFailuresError: More FOVs failed than allowed, of all or of a class; the good ones are kept and not made
            again.
    """
    _check_objects(catalogue, recipe)
    make: Callable[[ExtractTask], Any] = extract_fov if recipe.objects is None else extract_objects
    made_from, outer = read_fingerprint if recipe.objects is None else objects_fingerprint, executor
    if recipe.objects is not None and len(catalogue.sources) <= _FEW_FOVS:
        make, outer = partial(extract_objects, executor=executor), Serial()

    def plan(source: FovSource) -> ExtractTask | None:
        fingerprint = extract_fingerprint(source, catalogue.class_names, recipe)
        if made_from(folder, source.fov_id) == fingerprint:
            return None
        return ExtractTask(source, catalogue.class_names, recipe, folder, fingerprint)

    sources = {source.fov_id: source for source in catalogue.sources}
    failures = stage("clusters and features", folder, make, sources, plan, outer, progress).failures
    manifest = _make_manifest(catalogue, failures, folder, objects=recipe.objects is not None)
    manifest.write(folder / MANIFEST)
    check_class_failures(manifest, max_failed_fraction)
    manifest.check_failures(max_failed_fraction)
    return manifest


def _check_objects(catalogue: Catalogue, recipe: ExtractRecipe) -> None:
    """Refuse classes of objects where there are none, and warn of objects of FOVs that are not there."""
    if recipe.objects is not None:
        with within("objects"):
            recipe.objects.check_fovs([source.fov_id for source in catalogue.sources])
    elif any(source.by_object is not None or source.by_majority for source in catalogue.sources):
        raise ConfigError(
            "gives classes of objects, but whole FOVs are to be classified; choose objects, such as objects=picks, or "
            "other labels",
            setting="labels",
        )


def _make_manifest(catalogue: Catalogue, failures: Mapping[str, str], folder: Path, *, objects: bool) -> Manifest:
    """Return the manifest of the tables in a folder: of FOVs, or of the objects of FOVs.

    Args:
        catalogue: The FOVs, and those that failed before.
        failures: FOV that failed now -> the reason.
        folder: Featextracted folder.
        objects: Whether FOVs were divided into objects.
    """
    good = [source for source in catalogue.sources if source.fov_id not in failures]
    labels = {source.fov_id: source.label for source in catalogue.sources}
    failed_labels = {fov_id: label for fov_id in failures if (label := labels[fov_id]) is not None}
    failed_labels = dict(catalogue.failed_labels) | failed_labels
    all_failures = dict(catalogue.failures) | dict(failures)
    if not objects:
        counts = {source.fov_id: read_counts(folder, source.fov_id) for source in good}
        rows = [_row(source) | counts[source.fov_id] for source in good]
    else:
        records = {source.fov_id: read_objects(folder, source.fov_id) for source in good}
        counts = {fov_id: dict(record.counts) for fov_id, record in records.items()}
        rows = [row for source in good for row in _object_rows(source, records[source.fov_id])]
        for fov_id, record in records.items():
            log.info(record.describe(fov_id))
            failed = record.failed
            all_failures |= dict(failed.select(schema.FOV_ID, schema.REASON).iter_rows())
            failed_labels |= dict(failed.drop_nulls(schema.LABEL).select(schema.FOV_ID, schema.LABEL).iter_rows())
    _warn_of_unlabelled(counts)
    refused = count_refused(counts, LOCALISATIONS_READ)
    return Manifest(manifest_table(rows), catalogue.class_names, all_failures, refused, failed_labels)


def _warn_of_unlabelled(counts: Mapping[str, Mapping[str, float]]) -> None:
    """Name how many annotated localisations have no label, and why."""
    total: Counter[str] = Counter()
    for own in counts.values():
        total.update({name: int(number) for name, number in own.items() if name.startswith(UNLABELLED)})
    if total:
        reasons = "; ".join(f"{number:,} with {name.removeprefix(f'{UNLABELLED}: ')}" for name, number in total.items())
        log.warning("annotated localisations without a label: %s", reasons)


def _object_rows(source: FovSource, objects: FovObjects) -> list[dict[str, Any]]:
    """Return the rows of the manifest for the objects of one FOV that are used."""
    own = {schema.PARENT_FOV: source.fov_id, schema.DIMENSIONS: objects.counts[schema.DIMENSIONS]}
    rows = objects.used.drop(schema.ROWS).to_dicts()
    return [_row(source.object(row[schema.OBJECT], row[schema.LABEL])) | row | own for row in rows]


def manifest_of_catalogue(catalogue: Catalogue) -> Manifest:
    """Return what is known before any file is read whole: names, labels and groups; counts are null."""
    rows = [_row(source) for source in catalogue.sources]
    failures, failed_labels = dict(catalogue.failures), dict(catalogue.failed_labels)
    return Manifest(manifest_table(rows), catalogue.class_names, failures, failed_labels=failed_labels)


def _row(source: FovSource) -> dict[str, Any]:
    return {
        schema.FOV_ID: source.fov_id,
        schema.PATH: str(source.path),
        schema.LABEL: source.label,
        schema.GROUP: source.group,
        schema.SHARES: source.annotated.shares_text() if source.annotated is not None else None,
    }


def manifest_table(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return the table of a manifest from one mapping for each FOV; columns that a mapping lacks are null."""
    dtypes = {name: column.dtype for name, column in schema.MANIFEST_COLUMNS.items()}
    return pl.DataFrame({name: [row.get(name) for row in rows] for name in dtypes}, schema=dtypes)
