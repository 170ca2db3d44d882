"""The state of the jobs of a sweep, or of one run: completed, running, waiting, failed, interrupted, lost, missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import polars as pl

from locgraph.analysis.sweeps.jobs import MISSING, jobs_without_run, scheduler_words
from locgraph.errors import DataError
from locgraph.run_folder import INTERRUPTED, RunFolder, RunState, find_runs

_FOLD: Final = "fold.index="
_SCHEMA: Final[dict[str, Any]] = {
    "job": pl.String,
    "state": pl.String,
    "fold": pl.Int64,
    "epochs": pl.Int64,
    "validation": pl.Float64,
    "test": pl.Float64,
    "started": pl.String,
    "ended": pl.String,
    "reason": pl.String,
    "overrides": pl.List(pl.String),
}


def status(folder: str | Path) -> pl.DataFrame:
    """Return the state of each run below a folder, and of jobs and folds without a run.

    Nothing is written, so that a sweep can be looked at while it runs.

    Args:
        folder: Folder of a run or sweep.

    Returns:
        One row for each job: ``job``, its folder below ``folder``; ``state``: completed, running, waiting, failed,
        interrupted (its process ended), lost (it left no run) or missing (not started); ``fold``; ``epochs`` trained so
        far; ``validation``, the metric that ``optimized_metric`` names; ``test``, the accuracy; ``started`` and
        ``ended``; ``reason`` why there is no result; ``overrides``.

    Raises:
        DataError: There is no run.
    """
    path = Path(folder)
    runs = find_runs(path)
    jobs = jobs_without_run(path, {run.path.relative_to(path).as_posix() for run in runs})
    if not runs and not jobs:
        raise DataError(f"no run found below {path}; expected a run or sweep folder", setting="folder")
    rows = [_row(run, path) for run in runs]
    if jobs is None:
        rows += _missing(rows, runs)
    else:
        rows += [job | {"fold": _fold_of(job["overrides"])} for job in jobs]
        rows.sort(key=lambda row: (not row["job"].isdecimal(), len(row["job"]), row["job"]))
    return pl.DataFrame(rows, schema=_SCHEMA)


def _row(run: RunFolder, folder: Path) -> dict[str, Any]:
    state, record, metrics = run.state(), run.record(), run.metrics()
    overrides = list(record.get("overrides") or [])
    return {
        "job": run.path.relative_to(folder).as_posix(),
        "state": state.state,
        "fold": metrics.get("fold", _fold_of(overrides)),
        "epochs": metrics.get("epochs") or _epochs(run),
        "validation": (metrics.get("optimized") or {}).get("value"),
        "test": (metrics.get("test") or {}).get("accuracy"),
        "started": state.started,
        "ended": state.ended,
        "reason": _reason(run, state),
        "overrides": overrides,
    }


def _reason(run: RunFolder, state: RunState) -> str | None:
    """Return why a run ended; of one that was killed on a cluster, what the log of the scheduler says too."""
    killed = state.state == INTERRUPTED and state.reason is not None and state.error is None
    return f"{state.reason}{scheduler_words(run.path)}" if killed else state.reason


def _fold_of(overrides: list[str]) -> int | None:
    """Return the fold that the command line named, of a run that has no metrics yet."""
    values = [text.removeprefix(_FOLD) for text in overrides if text.startswith(_FOLD)]
    return int(values[-1]) if values and values[-1].isdecimal() else None


def _epochs(run: RunFolder) -> int | None:
    """Return the number of epochs in the history of a run that has not ended."""
    try:
        history = run.history()
    except (OSError, pl.exceptions.PolarsError):
        return None  # it is being written
    if history is None or "epoch" not in history.columns:
        return None
    last: Any = history["epoch"].max()
    return None if last is None else int(last) + 1


def _missing(rows: list[dict[str, Any]], runs: list[RunFolder]) -> list[dict[str, Any]]:
    """Return a row for each fold of each set of settings that has several runs, of which none is of this fold."""
    families: dict[str, list[int]] = {}
    for index, run in enumerate(runs):
        family = run.record().get("family")
        if isinstance(family, str):
            families.setdefault(family, []).append(index)
    missing = []
    for members in families.values():
        n_folds = max(runs[index].record().get("n_folds") or 0 for index in members)
        started = {rows[index]["fold"] for index in members}
        if len(members) > 1:
            missing += [{"state": MISSING, "fold": fold} for fold in sorted(set(range(n_folds)) - started)]
    return missing
