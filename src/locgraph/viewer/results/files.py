"""The files of the runs that are shown, read as far as they are there, with a reason for each that is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from locgraph import schema
from locgraph.analysis.sweeps.runs import FoldResult, find_families, read_run
from locgraph.data.folds import TEST, TRAIN, VALIDATION
from locgraph.errors import DataError
from locgraph.run_folder import (
    ATTRIBUTIONS,
    CHECKPOINTS,
    EMBEDDINGS,
    FAILURE,
    FOLDS,
    FOV_VECTORS,
    LAST,
    METRICS,
    PREDICTIONS,
    RAW_FILES,
    RUN,
    RUNNING,
    RunFolder,
    RunState,
    find_runs,
    read_record,
)
from locgraph.show.report.source import Absent, read_parquet
from locgraph.show.report.style import one_line

SIDES: Final = (TEST, VALIDATION, TRAIN)
"""Sides of a fold; of several predictions of a FOV, that of the first of these is shown."""

_WATCHED: Final = (RUN, METRICS, PREDICTIONS, FOV_VECTORS, EMBEDDINGS, FOLDS, FAILURE, ATTRIBUTIONS)
_LONGEST: Final = 300


@dataclass(frozen=True)
class Group:
    """Runs that differ in the fold alone.

    Attributes:
        name: The settings that distinguish it from other groups of the same folder; empty where there is no other.
        folders: Folders of the runs.
        n_folds: Number of folds of the split.
    """

    name: str
    folders: tuple[Path, ...]
    n_folds: int


def find_groups(folder: Path) -> list[Group]:
    """Return the groups of runs in a folder: the run itself, or those of each sweep below it; none without runs.

    Runs whose records are damaged are one group, since their settings are not known.
    """
    if (folder / RUN).is_file() or (folder / EMBEDDINGS).is_file():
        return [Group("", (folder,), 1)]
    try:
        families = find_families(folder)
    except DataError:
        paths = tuple(run.path for run in find_runs(folder))
        return [Group("", paths, len(paths))]
    several = len(families) > 1
    return [Group(each.name if several else "", each.folders, each.n_folds) for each in families]


@dataclass(frozen=True)
class ReadRun:
    """One run as it is now.

    Attributes:
        folder: Its folder.
        fold: Its fold; None where it is not known.
        state: How far it is.
        record: Content of ``run.json``.
        metrics: Content of ``metrics.json``; empty before the end.
        result: Its test result, or why there is none.
        predictions: ``predictions.parquet``, or why there is none.
        split: Side -> names of its FOVs; empty where unknown.
        labels: FOV -> class, of the raw files as they were; null where it had none.
    """

    folder: Path
    fold: int | None
    state: RunState
    record: Mapping[str, Any]
    metrics: Mapping[str, Any]
    result: FoldResult | str
    predictions: pl.DataFrame | Absent
    split: Mapping[str, tuple[str, ...]]
    labels: Mapping[str, str | None]

    @property
    def name(self) -> str:
        """Name for people."""
        return self.folder.name if self.fold is None else f"fold {self.fold}"

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes that it predicts, in their order; none where they are not known."""
        names = self.metrics.get("class_names") or []
        if not names and isinstance(self.predictions, pl.DataFrame):
            prefix = schema.PROBABILITY_PREFIX
            names = [name.removeprefix(prefix) for name in self.predictions.columns if name.startswith(prefix)]
        return tuple(str(name) for name in names)


@dataclass(frozen=True)
class Results:
    """All runs of a group.

    Attributes:
        folder: The run or the sweep.
        runs: Its runs, by fold.
        n_folds: Number of folds of the split.
        problems: What could not be read, or is not there yet, in sentences.
    """

    folder: Path
    runs: tuple[ReadRun, ...]
    n_folds: int
    problems: tuple[str, ...]

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes of all runs, in the order of the first that has any."""
        return tuple(dict.fromkeys(name for run in self.runs for name in run.class_names))

    def predictions(self) -> pl.DataFrame | None:
        """Return the predictions of all runs; None where there are none."""
        tables = [run.predictions for run in self.runs if isinstance(run.predictions, pl.DataFrame)]
        return pl.concat(tables, how="diagonal_relaxed") if tables else None

    def tested(self) -> pl.DataFrame | None:
        """Return the predictions of test FOVs whose class is known; None where there are no predictions."""
        table = self.predictions()
        return None if table is None else table.filter(pl.col(schema.SPLIT) == TEST, pl.col(schema.TRUTH).is_not_null())


def read_results(folder: Path, group: Group) -> Results:
    """Read the runs of a group.

    Args:
        folder: The run or the sweep.
        group: Its runs.

    Returns:
        Everything that is there; nothing in the folders of the runs makes it fail.
    """
    runs = sorted((_read(path) for path in group.folders), key=lambda run: (run.fold is None, run.fold or 0))
    problems = [words for run in runs for words in _problems_of(run)]
    if group.folders != (folder,):
        problems += _without_run(folder, runs, group)
    return Results(folder, tuple(runs), group.n_folds, tuple(dict.fromkeys(problems)))


def watched(group: Group) -> tuple[tuple[str, int, int], ...]:
    """Return what changes whenever a file of a run changes: path, time in ns and size of each."""
    return tuple(state for folder in group.folders for name in _WATCHED if (state := _file_state(folder / name)))


def _file_state(path: Path) -> tuple[str, int, int] | None:
    try:
        about = path.stat()
    except OSError:
        return None
    return str(path), about.st_mtime_ns, about.st_size


def _read(folder: Path) -> ReadRun:
    run, result = RunFolder(folder), read_run(folder)
    metrics, record = run.metrics(), run.record()
    fold = metrics.get("fold", _fold_of(record.get("overrides")))
    known = fold if isinstance(fold, int) else None
    raw = read_record(folder / RAW_FILES).get("fovs")
    labels = {str(name): about.get("label") for name, about in raw.items()} if isinstance(raw, dict) else {}
    return ReadRun(
        folder=folder,
        fold=known,
        state=run.state(),
        record=record,
        metrics=metrics,
        result=result if isinstance(result, FoldResult) else result.reason,
        predictions=_predictions(folder),
        split=_split(folder, known),
        labels=labels,
    )


def _predictions(folder: Path) -> pl.DataFrame | Absent:
    table = read_parquet(folder / PREDICTIONS)
    needed = {schema.FOV_ID, schema.FOLD, schema.SPLIT, schema.TRUTH, schema.PREDICTION}
    if isinstance(table, pl.DataFrame) and not needed <= set(table.columns):
        missing = ", ".join(sorted(needed - set(table.columns)))
        return Absent(f"{folder / PREDICTIONS} has no column {missing}: repeat the run.")
    return table


def _split(folder: Path, fold: int | None) -> dict[str, tuple[str, ...]]:
    plan = read_record(folder / FOLDS).get("folds")
    if fold is None or not isinstance(plan, list) or not 0 <= fold < len(plan) or not isinstance(plan[fold], dict):
        return {}
    return {side: tuple(str(name) for name in plan[fold].get(side) or ()) for side in SIDES}


def _fold_of(overrides: object) -> int | None:
    given = [text for text in overrides if isinstance(text, str)] if isinstance(overrides, list) else []
    index = next((text.partition("=")[2] for text in reversed(given) if text.startswith("fold.index=")), "0")
    return int(index) if index.isdecimal() else None


def _problems_of(run: ReadRun) -> Iterator[str]:
    """Yield sentences on what a run lacks."""
    if run.state.state == RUNNING:
        begun = (run.folder / CHECKPOINTS / LAST).is_file()
        yield f"{_capital(run.name)} is running{'' if begun else ', before the end of its first epoch'}."
        return
    if (run.folder / EMBEDDINGS).is_file():
        return
    if isinstance(run.result, str):
        why = run.state.reason or run.result
        yield f"{_capital(run.name)} has no test result: {one_line(why, _LONGEST).rstrip('.')}."
    elif isinstance(run.predictions, Absent) and not run.result.of_localisations:
        yield f"{_capital(run.name)} has no predictions. {run.predictions.reason}"


def _without_run(folder: Path, runs: Sequence[ReadRun], group: Group) -> Iterator[str]:
    """Yield sentences on folds of a sweep without a run, and jobs that left none."""
    known = {run.fold for run in runs}
    absent = [fold for fold in range(group.n_folds) if fold not in known]
    if absent and None not in known:
        several = "s" if len(absent) > 1 else ""
        yield f"Fold{several} {', '.join(map(str, absent))} of {group.n_folds}: there is no run."
    for path in sorted(folder.glob(f"*/{FAILURE}")):
        reason = str(read_record(path).get("reason") or "no reason is recorded")
        yield f"Job {path.parent.name} failed before it was a run: {one_line(reason, _LONGEST).rstrip('.')}."


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
