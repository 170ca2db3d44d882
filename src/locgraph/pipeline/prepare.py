"""The stage from raw files to featextracted tables: parallel, resumable, and never done twice."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from locgraph import schema
from locgraph.io.catalogue import Catalogue, FovSource
from locgraph.io.featextracted import read_counts, read_fingerprint
from locgraph.io.manifest import Manifest
from locgraph.pipeline.executors import Executor, Outcome
from locgraph.pipeline.extract import ExtractRecipe, ExtractTask, extract_fingerprint, extract_fov

log = logging.getLogger(__name__)

Track = Callable[[Iterable[Outcome], int, str], Iterable[Outcome]]
"""Wraps an iterator of outcomes to show progress: iterator, total, description."""


def silent(outcomes: Iterable[Outcome], total: int, description: str) -> Iterator[Outcome]:
    """Shows no progress."""
    yield from outcomes


def prepare(
    catalogue: Catalogue,
    recipe: ExtractRecipe,
    folder: Path,
    executor: Executor,
    max_failed_fraction: float,
    track: Track = silent,
) -> Manifest:
    """Extracts every FOV of the catalogue whose tables are not up to date, and writes the manifest.

    Args:
        catalogue: The FOVs, and those that failed already.
        recipe: How tables are made.
        folder: Featextracted folder to write to.
        executor: What runs the FOVs.
        max_failed_fraction: Above this fraction of failed FOVs the stage fails.
        track: Shows progress.

    Returns:
        One row for each good FOV, and the reason for each bad one.

    Raises:
        TooManyFailuresError: More FOVs failed than allowed; the good ones are kept and not redone.
    """
    tasks, failures = _outdated(catalogue, recipe, folder)
    up_to_date = len(catalogue.sources) - len(tasks) - len(failures)
    log.info("featextracted tables: %d up to date, %d to make, in %s", up_to_date, len(tasks), folder)
    for outcome in track(executor.run(extract_fov, tasks), len(tasks), "clusters and features"):
        if outcome.failure is not None:
            failures[outcome.fov_id] = outcome.failure
            log.warning("%s failed: %s", outcome.fov_id, outcome.failure)
    sources = [source for source in catalogue.sources if source.fov_id not in failures]
    rows = [_row(source) | read_counts(folder, source.fov_id) for source in sources]
    manifest = Manifest(_table(rows), catalogue.class_names, dict(catalogue.failures) | failures)
    manifest.write(folder / "manifest.parquet")
    manifest.check_failures(max_failed_fraction)
    return manifest


def _outdated(
    catalogue: Catalogue, recipe: ExtractRecipe, folder: Path
) -> tuple[dict[str, ExtractTask], dict[str, str]]:
    tasks, failures = {}, {}
    for source in catalogue.sources:
        try:
            wanted = extract_fingerprint(source, catalogue.class_names, recipe)
        except OSError as error:
            failures[source.fov_id] = f"{source.path}: cannot be read ({error})"
            continue
        if read_fingerprint(folder, source.fov_id) != wanted:
            tasks[source.fov_id] = ExtractTask(source, catalogue.class_names, recipe, folder, wanted)
    return tasks, failures


def manifest_of_catalogue(catalogue: Catalogue) -> Manifest:
    """What is known before any file is read whole: names, labels and groups; counts are null."""
    rows = [_row(source) for source in catalogue.sources]
    return Manifest(_table(rows), catalogue.class_names, dict(catalogue.failures))


def _row(source: FovSource) -> dict[str, Any]:
    return {
        schema.FOV_ID: source.fov_id,
        schema.PATH: str(source.path),
        schema.LABEL: source.label,
        schema.GROUP: source.group,
    }


def _table(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    dtypes = {name: column.dtype for name, column in schema.MANIFEST_COLUMNS.items()}
    return pl.DataFrame({name: [row.get(name) for row in rows] for name in dtypes}, schema=dtypes)
