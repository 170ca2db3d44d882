"""The stage from raw files to featextracted tables, and the manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from locgraph import schema
from locgraph.io.catalogue import Catalogue, FovSource
from locgraph.io.featextracted import read_counts, read_fingerprint
from locgraph.io.manifest import Manifest
from locgraph.io.refused import count_refused
from locgraph.preparation.classes import check_class_failures
from locgraph.preparation.executors import Executor
from locgraph.preparation.extract import (
    LOCALISATIONS_READ,
    ExtractRecipe,
    ExtractTask,
    extract_fingerprint,
    extract_fov,
)
from locgraph.preparation.stage import Progress, no_progress, stage
from locgraph.run_folder import MANIFEST


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
        TooManyFailuresError: More FOVs failed than allowed, of all or of a class; the good ones are kept and not made
            again.
    """

    def plan(source: FovSource) -> ExtractTask | None:
        fingerprint = extract_fingerprint(source, catalogue.class_names, recipe)
        if read_fingerprint(folder, source.fov_id) == fingerprint:
            return None
        return ExtractTask(source, catalogue.class_names, recipe, folder, fingerprint)

    sources = {source.fov_id: source for source in catalogue.sources}
    failures = stage("clusters and features", folder, extract_fov, sources, plan, executor, progress).failures
    counts = {fov_id: read_counts(folder, fov_id) for fov_id in sources if fov_id not in failures}
    rows = [_row(sources[fov_id]) | own for fov_id, own in counts.items()]
    refused = count_refused(counts, LOCALISATIONS_READ)
    failed_labels = dict(catalogue.failed_labels) | {
        fov_id: label for fov_id in failures if (label := sources[fov_id].label) is not None
    }
    manifest = Manifest(
        manifest_table(rows), catalogue.class_names, dict(catalogue.failures) | failures, refused, failed_labels
    )
    manifest.write(folder / MANIFEST)
    check_class_failures(manifest, max_failed_fraction)
    manifest.check_failures(max_failed_fraction)
    return manifest


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
    }


def manifest_table(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return the table of a manifest from one mapping for each FOV; columns that a mapping lacks are null."""
    dtypes = {name: column.dtype for name, column in schema.MANIFEST_COLUMNS.items()}
    return pl.DataFrame({name: [row.get(name) for row in rows] for name in dtypes}, schema=dtypes)
