"""One resumable stage over many FOVs: what is up to date stays, the others are run, failures are kept apart."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from joblib import cpu_count

from locgraph.errors import LocgraphError
from locgraph.preparation.executors import Executor, Outcome
from locgraph.storage import storage_error

log = logging.getLogger(__name__)

ABANDONED_AFTER_S: Final = 24 * 3600
"""Age of a temporary file that no living process is still writing."""

Progress = Callable[[Iterable[Outcome], int, str], Iterable[Outcome]]
"""Wraps an iterator of outcomes to show progress: iterator, total, description."""

T = TypeVar("T")


def no_progress(outcomes: Iterable[Outcome], total: int, description: str) -> Iterator[Outcome]:
    """Show no progress."""
    yield from outcomes


@dataclass(frozen=True)
class StageResult:
    """FOVs that a stage worked on; those that are in neither were up to date.

    Attributes:
        made: FOVs that were made anew.
        failures: FOV to the reason for its failure.
    """

    made: tuple[str, ...]
    failures: dict[str, str]


def stage(
    name: str,
    folder: Path,
    function: Callable[[Any], Any],
    items: Mapping[str, T],
    plan: Callable[[T], Any],
    executor: Executor,
    progress: Progress = no_progress,
) -> StageResult:
    """Run a function over all FOVs whose files are not up to date.

    Args:
        name: What is made, for the log and the progress.
        folder: Folder that is written to; temporary files that killed processes left there are removed.
        function: Makes the files of one FOV from its task, in a worker process.
        items: FOV to what `plan` takes.
        plan: Returns the task of one FOV, or None where its files carry the fingerprint of the same input and settings.
            It runs in threads; a `LocgraphError` or `OSError` is a failure of this FOV.
        executor: Runs the tasks.
        progress: Shows progress.

    Raises:
        StorageError: Storage refuses to be written to; what was made is kept.
    """
    remove_abandoned(folder)
    tasks, failures = _outdated(items, plan)
    up_to_date = len(items) - len(tasks) - len(failures)
    log.info("%s: %d up to date, %d to make, in %s", name, up_to_date, len(tasks), folder)
    for outcome in progress(executor.run(function, tasks), len(tasks), name):
        if outcome.failure is not None:
            failures[outcome.fov_id] = outcome.failure
            log.warning("%s failed: %s", outcome.fov_id, outcome.failure)
    return StageResult(tuple(fov_id for fov_id in tasks if fov_id not in failures), failures)


def _outdated(items: Mapping[str, T], plan: Callable[[T], Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the task of each FOV that is not up to date, and the reason for each that has none."""

    def attempt(item: T) -> tuple[Any, str | None]:
        try:
            return plan(item), None
        except (LocgraphError, OSError) as error:
            refused = storage_error(error)
            if refused is not None:
                raise refused from error
            if isinstance(error, LocgraphError):
                return None, str(error)
            return None, f"{error.filename}: cannot be read ({error.strerror or error})"

    # reading and hashing release Python's lock, so that threads are enough to use all cores
    with ThreadPoolExecutor(cpu_count()) as threads:
        planned = dict(zip(items, threads.map(attempt, items.values()), strict=True))
    tasks = {fov_id: task for fov_id, (task, _) in planned.items() if task is not None}
    return tasks, {fov_id: failure for fov_id, (_, failure) in planned.items() if failure is not None}


def remove_abandoned(folder: Path) -> None:
    """Remove temporary files that processes left when they were killed.

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
