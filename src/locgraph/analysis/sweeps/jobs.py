"""Jobs of a sweep that left no run: waiting, failed before training began, lost, or never started."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from locgraph.run_folder import FAILED, FAILURE, JOBS, SCHEDULER, SNAPSHOT, SNAPSHOT_LOG, read_record
from locgraph.storage import is_locked

WAITING: Final = "waiting"
LOST: Final = "lost"
MISSING: Final = "missing"
_HYDRA: Final = "hydra/hydra.yaml"
"""What Hydra writes into the folder of a job as it starts."""


def jobs_without_run(folder: Path, with_run: Collection[str]) -> list[dict[str, Any]] | None:
    """Return the jobs of a sweep that left no run.

    Args:
        folder: Folder of the sweep.
        with_run: Names of the folders of its runs.

    Returns:
        ``job``, ``state``, ``reason`` and ``overrides`` of each; None where the folder does not list its jobs.
    """
    planned: Sequence[Sequence[str]] | None = read_record(folder / JOBS).get("jobs")
    if planned is None:
        return None
    jobs = {str(number): overrides for number, overrides in enumerate(planned) if str(number) not in with_run}
    at_work, unclaimed = is_locked(folder), _unclaimed(folder, len(planned))
    silent = [job for job in jobs if not (folder / job / _HYDRA).is_file() and not (folder / job / FAILURE).is_file()]
    # jobs are handed to the scheduler in their order
    logs = dict(zip(silent, unclaimed, strict=True)) if len(unclaimed) == len(silent) else {}
    return [
        {"job": job, "overrides": list(overrides)} | _state(folder / job, at_work, logs.get(job))
        for job, overrides in jobs.items()
    ]


def _state(job: Path, at_work: bool, scheduled: Path | None) -> dict[str, Any]:
    failure = read_record(job / FAILURE)
    if failure:
        return {"state": FAILED, "reason": failure.get("reason")}
    if (job / _HYDRA).is_file():
        if at_work:
            return {"state": WAITING, "reason": None}
        return {"state": LOST, "reason": f"it was started and left no result{scheduler_words(job)}"}
    if at_work:
        return {"state": WAITING, "reason": None}
    if scheduled is None:
        reason = _reason_of_command(job.parent)
        return {"state": MISSING, "reason": f"it was not started{reason}" if reason else None}
    reason = _reason_of_scheduler(scheduled)
    if not reason and not list(scheduled.glob("*_log.*")):
        reason = (
            f"it was handed to the scheduler as {scheduled.name} and has not started: squeue shows whether it waits"
        )
        return {"state": WAITING, "reason": reason}
    return {"state": LOST, "reason": f"it ended before it began to train{reason}"}


def scheduler_words(job: Path) -> str:
    """Return what the scheduler's log of a job that was started says last; empty where there is none."""
    try:
        started = yaml.safe_load((job / _HYDRA).read_text(encoding="utf-8"))
        number = str(started["hydra"]["job"]["id"])
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return ""
    return _reason_of_scheduler(job.parent / SCHEDULER / number)


def _reason_of_scheduler(scheduled: Path) -> str:
    lines = [line for path in sorted(scheduled.glob("*_log.err")) if (line := last_line(path))]
    return f"; its log says: {lines[-1]}" if lines else ""


def _reason_of_command(folder: Path) -> str:
    logs = sorted((folder / SNAPSHOT).glob(f"*/{SNAPSHOT_LOG}"), key=lambda path: path.stat().st_mtime)
    line = last_line(logs[-1]) if logs else ""
    return f"; the command of the sweep ended with: {line}" if line else ""


def _unclaimed(folder: Path, n_jobs: int) -> list[Path]:
    """Return the folders of the scheduler of jobs that no job says it was, the first one first."""
    claimed = set()
    for number in range(n_jobs):
        try:
            started = yaml.safe_load((folder / str(number) / _HYDRA).read_text(encoding="utf-8"))
            claimed.add(str(started["hydra"]["job"]["id"]))
        except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
            continue
    places = [path for path in (folder / SCHEDULER).glob("*") if list(path.glob("*_submitted.pkl"))]
    places = [path for path in places if path.name not in claimed]
    return sorted(places, key=lambda path: min(each.stat().st_mtime_ns for each in path.glob("*_submitted.pkl")))


def last_line(path: Path) -> str:
    """Return the last line of a log that is not empty, without advice of Hydra; empty where there is none."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    kept = [line.strip() for line in lines if line.strip() and not line.startswith("Set the environment variable")]
    return kept[-1] if kept else ""
