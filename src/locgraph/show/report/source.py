"""Everything that a report is made from: the runs of a sweep, or one run, with tables, explanations and analysis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from locgraph import provenance, schema
from locgraph.analysis.sweeps.rivals import read_rivals
from locgraph.analysis.sweeps.runs import read_run
from locgraph.analysis.sweeps.summary import Summary, summarise
from locgraph.data.folds import TEST
from locgraph.errors import DataError, LocgraphError
from locgraph.io.manifest import Manifest
from locgraph.run_folder import (
    COMPLETED,
    CONFIG,
    FOLDS,
    LOCALISATION_PREDICTIONS,
    MANIFEST,
    PREDICTIONS,
    RunFolder,
    read_record,
)
from locgraph.show.report.style import one_line

_DAMAGED = (OSError, ValueError, pl.exceptions.PolarsError, pl.exceptions.PanicException)


@dataclass(frozen=True)
class Absent:
    """Placeholder of something that cannot be shown.

    Attributes:
        reason: Why, and what would bring it, in one or two sentences.
    """

    reason: str


def read_parquet(path: Path) -> pl.DataFrame | Absent:
    """Read a parquet table; a damaged or absent one has a reason."""
    return _read_table(path, lambda: pl.read_parquet(path, glob=False))


def read_csv(path: Path) -> pl.DataFrame | Absent:
    """Read a CSV table; a damaged or absent one has a reason."""
    return _read_table(path, lambda: provenance.read_csv(path))


def _read_table(path: Path, read: Callable[[], pl.DataFrame]) -> pl.DataFrame | Absent:
    if not path.is_file():
        return Absent(f"There is no {path.name} in {path.parent}.")
    try:
        return read()
    except _DAMAGED as error:
        return Absent(f"{path} cannot be read ({one_line(str(error), 120)}): write or copy it again.")


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping; empty where there is none or it is damaged."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}


@dataclass(frozen=True)
class Run:
    """One run of a fold.

    Attributes:
        folder: Its folder.
        fold: Its fold; None where it is not known.
        metrics: Content of ``metrics.json``; empty where there is none.
        record: Content of ``run.json``.
        config: Content of ``config.yaml``.
        split: Names of the FOVs of each side of this fold; empty where unknown.
    """

    folder: Path
    fold: int | None
    metrics: Mapping[str, Any]
    record: Mapping[str, Any]
    config: Mapping[str, Any]
    split: Mapping[str, tuple[str, ...]]

    @property
    def completed(self) -> bool:
        """Whether the run has a result."""
        return self.metrics.get("status") == COMPLETED


@dataclass(frozen=True)
class Places:
    """Folders of what is not in the run folders.

    Attributes:
        tables: Folder of the prepared tables, or why it is not known.
        explanations: Folders of explanations; those of the runs where there are none.
        analysis: Folder that ``locgraph analyse`` wrote, or why there is none.
    """

    tables: Path | Absent
    explanations: tuple[Path, ...] = ()
    analysis: Path | Absent = field(default_factory=lambda: Absent("No analysis was given."))


@dataclass(frozen=True)
class Source:
    """Content of a report.

    Attributes:
        folder: The folder that is reported.
        runs: Every run, by fold.
        is_sweep: Whether the folder holds a sweep rather than one run.
        summary: Metrics with intervals, beside the controls.
        predictions: All rows of ``predictions.parquet`` of all folds, or why there are none.
        localisations: The same of ``localisation_predictions.parquet``.
        without_predictions: Completed folds whose predictions are missing, with the reason.
        manifest: The FOVs of the data set, or why it is not known.
        places: Folders of the rest.
    """

    folder: Path
    runs: tuple[Run, ...]
    is_sweep: bool
    summary: Summary
    predictions: pl.DataFrame | Absent
    localisations: pl.DataFrame | Absent
    without_predictions: Mapping[int, str]
    manifest: Manifest | Absent
    places: Places

    @property
    def completed(self) -> tuple[Run, ...]:
        """The runs that have a result."""
        return tuple(run for run in self.runs if run.completed)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of the confusion matrix."""
        return self.summary.class_names

    @property
    def of_localisations(self) -> bool:
        """Whether the model classifies localisations only."""
        return isinstance(self.predictions, Absent)

    def tested(self) -> pl.DataFrame | Absent:
        """Return the predictions of the test FOVs."""
        if isinstance(self.predictions, Absent):
            return self.predictions
        return self.predictions.filter(pl.col(schema.SPLIT) == TEST)


def read_source(folder: Path, run_folders: Sequence[Path], n_folds: int, places: Places) -> Source:
    """Read a run or a sweep.

    Args:
        folder: The folder that is reported.
        run_folders: Its runs; the folder itself for a single run.
        n_folds: How many folds the split has.
        places: Folders of the rest.

    Returns:
        Everything that is there, with reasons for the rest.

    Raises:
        DataError: No run has a result, none has predictions, or the runs do not fit together.
    """
    is_sweep = list(run_folders) != [folder]
    runs = sorted((_read(path) for path in run_folders), key=lambda run: (run.fold is None, run.fold or 0, run.folder))
    expected = range(n_folds) if is_sweep else [run.fold for run in runs if run.fold is not None] or [0]
    rivals = None if isinstance(places.analysis, Absent) else read_rivals([places.analysis])
    summary = summarise([read_run(run.folder) for run in runs], expected, rivals)
    if not summary.class_names:
        reasons = "; ".join(f"{failure.folder}: {failure.reason}" for failure in summary.failures[:3])
        raise DataError(
            f"{folder}: expected at least one completed run to report, found none ({reasons})", setting="folder"
        )
    completed = [run for run in runs if run.completed]
    predictions, gaps = _predictions(completed, PREDICTIONS)
    localisations, localisation_gaps = _predictions(completed, LOCALISATION_PREDICTIONS)
    if isinstance(predictions, Absent) and isinstance(localisations, Absent):
        raise DataError(
            f"{folder}: expected {PREDICTIONS} in the folder of the run, found none ({next(iter(gaps.values()))}): "
            "repeat the run, or copy its whole folder",
            setting="folder",
        )
    return Source(
        folder=folder,
        runs=tuple(runs),
        is_sweep=is_sweep,
        summary=summary,
        predictions=predictions,
        localisations=localisations,
        without_predictions=localisation_gaps if isinstance(predictions, Absent) else gaps,
        manifest=_manifest(places.tables),
        places=places,
    )


def _read(folder: Path) -> Run:
    run = RunFolder(folder)
    metrics = run.metrics()
    config = read_yaml(folder / CONFIG)
    chosen = config.get("fold")
    fold = metrics.get("fold", chosen.get("index") if isinstance(chosen, dict) else None)
    fold = fold if isinstance(fold, int) else None
    plan = read_record(folder / FOLDS).get("folds", [])
    known = fold is not None and isinstance(plan, list) and fold < len(plan)
    split = {side: tuple(names) for side, names in plan[fold].items()} if known else {}
    return Run(folder, fold, metrics, run.record(), config, split)


def _predictions(runs: Sequence[Run], name: str) -> tuple[pl.DataFrame | Absent, dict[int, str]]:
    tables, gaps = [], {}
    for run in runs:
        table = read_parquet(run.folder / name)
        if isinstance(table, Absent):
            gaps[int(run.fold or 0)] = table.reason
        else:
            tables.append(table)
    if not tables:
        return Absent(next(iter(gaps.values()), f"No run wrote {name}.")), gaps
    return pl.concat(tables, how="diagonal_relaxed"), gaps


def _manifest(tables: Path | Absent) -> Manifest | Absent:
    if isinstance(tables, Absent):
        return tables
    path = tables / MANIFEST
    if not path.is_file():
        return Absent(f"The prepared tables are not at {tables} any more: give tables=FOLDER if they were moved.")
    try:
        return Manifest.read(path)
    except LocgraphError as error:
        return Absent(f"{error}.")
