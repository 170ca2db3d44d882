"""The stage from raw files to featextracted tables: parallel, resumable, and never done twice."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import polars as pl
from joblib import cpu_count

from locgraph import schema
from locgraph.io.catalogue import Catalogue, FovSource
from locgraph.io.featextracted import read_counts, read_fingerprint
from locgraph.io.manifest import Manifest
from locgraph.preparation.executors import Executor, Outcome
from locgraph.preparation.extract import ExtractRecipe, ExtractTask, extract_fingerprint, extract_fov

log = logging.getLogger(__name__)

ABANDONED_AFTER_S: Final = 24 * 3600
"""Age of a temporary file that no living process is still writing."""

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
    remove_abandoned(folder)
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


def remove_abandoned(folder: Path) -> None:
    """Removes temporary files that processes left when they were killed.

    Only those that nobody has written to for a day: another run may be at work in the same folder, and must not lose
    what it is about to rename.

    Args:
        folder: Searched with its sub-folders; need not exist.
    """
    now = time.time()
    for path in folder.rglob(".*.part"):
        try:
            if now - path.stat().st_mtime > ABANDONED_AFTER_S:
                path.unlink()
                log.info("removed %s, left by a run that was killed", path)
        except OSError as error:  # another run was faster, or the folder is not ours to change: no harm either way
            log.debug("%s stays: %s", path, error)


def _outdated(
    catalogue: Catalogue, recipe: ExtractRecipe, folder: Path
) -> tuple[dict[str, ExtractTask], dict[str, str]]:
    def task(source: FovSource) -> ExtractTask | str | None:
        try:
            wanted = extract_fingerprint(source, catalogue.class_names, recipe)
        except OSError as error:
            return f"{source.path}: cannot be read ({error})"
        if read_fingerprint(folder, source.fov_id) == wanted:
            return None
        return ExtractTask(source, catalogue.class_names, recipe, folder, wanted)

    # reading and hashing leave Python's lock alone, so that threads are enough to use all cores
    with ThreadPoolExecutor(cpu_count()) as threads:
        fov_ids = (source.fov_id for source in catalogue.sources)
        found = dict(zip(fov_ids, threads.map(task, catalogue.sources), strict=True))
    tasks = {fov_id: task for fov_id, task in found.items() if isinstance(task, ExtractTask)}
    return tasks, {fov_id: reason for fov_id, reason in found.items() if isinstance(reason, str)}


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
