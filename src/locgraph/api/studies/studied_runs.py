"""Runs that belong together, or tables: what is known of them, without what may be done with them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from locgraph.analysis.sweeps.rivals import read_rivals
from locgraph.analysis.sweeps.runs import WITHOUT_PREDICTIONS, Failure, FoldResult, read_run
from locgraph.analysis.sweeps.summary import Summary, summarise
from locgraph.errors import ConfigError, DataError
from locgraph.run_folder import ANALYSIS, PREDICTIONS, SUMMARIES, RunFolder

if TYPE_CHECKING:
    from locgraph.analysis.source import Source

RUN_KIND, SWEEP_KIND, REPEATS_KIND = "run", "sweep", "repeats"
TABLES_KIND, EMBEDDED_KIND = "tables", "embeddings"
_WITHOUT_RESULTS = (TABLES_KIND, EMBEDDED_KIND)


class StudiedRuns:
    """What is known of the runs or tables of a study; see `locgraph.api.studies.study.Study`."""

    def __init__(self, folder: Path, kind: str, run_folders: Sequence[Path] = (), n_folds: int = 0) -> None:
        self.folder, self.kind, self.run_folders, self.n_folds = folder, kind, tuple(run_folders), n_folds

    @cached_property
    def runs(self) -> tuple[FoldResult | Failure, ...]:
        """The result of each run, or the reason why it has none."""
        return tuple(read_run(folder) for folder in self.run_folders)

    @property
    def completed(self) -> tuple[FoldResult, ...]:
        """The results of the completed runs."""
        return tuple(run for run in self.runs if isinstance(run, FoldResult))

    def __repr__(self) -> str:
        head = f"{type(self).__name__}({str(self.folder)!r}, {self.kind}"
        if self.kind in _WITHOUT_RESULTS:
            return f"{head})"
        interval = self.summary().intervals().get("model")
        score = "" if interval is None else f", accuracy {interval[0]:.3f}"
        if interval is not None and interval[1] is not None and interval[2] is not None:
            score += f" (95 % interval {interval[1]:.3f} to {interval[2]:.3f})"
        return f"{head}, {len(self.summary().folds().get('model', {}))} of {self.n_folds} folds{score})"

    def _repr_html_(self) -> str:
        table = "" if self.kind in _WITHOUT_RESULTS else self.summary().table._repr_html_()
        return f"<p>{self!r}</p>{table}"

    def summary(self) -> Summary:
        """Return scores of the model and of simple classifiers over folds and seeds, with intervals.

        Missing folds are named. The classifiers are the controls of the runs and those of an analysis of the same
        folds, where there is one.

        Raises:
            DataError: There are no runs, or they do not fit together.
        """
        self._check_runs()
        if self.runs and all(isinstance(run, Failure) and run.reason == WITHOUT_PREDICTIONS for run in self.runs):
            raise DataError(f"{self.folder}: expected runs of a classifier, found what was {WITHOUT_PREDICTIONS}")
        analyses = [folder / ANALYSIS for folder in (self.folder, *self.run_folders)]
        # of several seeds each has a study of its own below
        analyses += sorted(self.folder.glob(f"{SUMMARIES}/*/{ANALYSIS}")) if self.kind == REPEATS_KIND else []
        return summarise(self.runs, range(self.n_folds), read_rivals(analyses))

    def predictions(self) -> pl.DataFrame:
        """Return the predictions of all completed runs: ``fov_id``, ``fold``, ``split``, ``truth``, ``prediction`` ...

        Raises:
            DataError: A run has none, or none is completed.
        """
        self._check_runs()
        tables = [RunFolder(run.folder).table(PREDICTIONS) for run in sorted(self.completed, key=lambda run: run.fold)]
        if not tables:
            raise DataError(f"{self.folder}: expected at least one completed run, found none")
        return pl.concat(tables, how="diagonal_relaxed")

    def _fov_source(self, tables: str | Path | None) -> Source:
        """Return the source of runs of one seed that classify FOVs."""
        self._check_runs()
        self._check_one_seed()
        source = self._source(None if tables is None else Path(tables))
        if any(result.of_localisations for result in source.results.values()):
            raise DataError(f"{self.folder}: expected a model that classifies FOVs, found one of localisations")
        return source

    def _source(self, tables: Path | None) -> Source:
        from locgraph.analysis.source import check_completed, embeddings_source, runs_source, tables_source

        if self.kind == EMBEDDED_KIND:
            return embeddings_source(self.folder, tables)
        if self.kind == TABLES_KIND:
            if tables is not None:
                raise ConfigError(f"{self.folder} holds tables itself; leave this out", setting="tables")
            return tables_source(self.folder)
        completed = check_completed(self.folder, self.runs)
        n_folds = self.n_folds if self.kind == SWEEP_KIND else None
        place = find_study_tables([run.folder for run in sorted(completed, key=lambda run: run.fold)], tables)
        return runs_source(self.folder, self.kind, self.runs, n_folds, place)

    def _check_one_seed(self) -> None:
        if self.kind == REPEATS_KIND:
            raise DataError(
                f"{self.folder}: holds runs of several seeds; analyse or report one of them, of "
                "locgraph.api.studies.studies.find_studies"
            )

    def _check_runs(self) -> None:
        if self.kind == EMBEDDED_KIND:
            raise DataError(f"{self.folder}: expected a classifier, found what was {WITHOUT_PREDICTIONS}")
        if self.kind == TABLES_KIND:
            raise DataError(f"{self.folder}: expected a run or sweep, found prepared tables without runs")


def find_study_tables(runs: Sequence[Path], given: Path | None) -> Path:
    """Return the folder of the tables of some runs; see `locgraph.api.prepare.find_tables`."""
    from locgraph.api.prepare import find_tables

    return find_tables(runs, given)
