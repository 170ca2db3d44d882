"""Studies: runs and sweeps read back, summarised, compared, analysed and reported."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locgraph.analysis.sweeps.summary import write_summary
from locgraph.api.studies.studied_runs import find_study_tables
from locgraph.api.studies.study_checks import CheckedRuns
from locgraph.errors import within
from locgraph.run_folder import ANALYSIS, SUMMARY, SUMMARY_TEXT

if TYPE_CHECKING:
    from locgraph.analysis.results import Analysis

log = logging.getLogger(__name__)


class Study(CheckedRuns):
    """Runs that differ in the fold alone: a run, or a sweep over folds; or prepared tables without runs.

    Runs that differ in the fold and in seeds, ``repeats``, have a summary and predictions; analyses and reports are
    those of each seed. `locgraph.api.studies.studies` finds them.

    Args:
        folder: Where its summary, analysis and report are written.
        kind: ``run``, ``sweep``, ``repeats`` or ``tables``.
        run_folders: Folders of the runs.
        n_folds: Number of folds of the split.

    Attributes:
        folder: Where its summary, analysis and report are written.
        kind: ``run``, ``sweep``, ``repeats`` or ``tables``.
        run_folders: Folders of the runs.
        n_folds: Number of folds of the split.
    """

    def write_summary(self) -> Path:
        """Write the summary into the folder of the study, as ``locgraph summarise`` does.

        Returns:
            The text, ``summary.md``.
        """
        from locgraph.show.figures.run import draw_summary

        summary = self.summary()
        write_summary(self.folder, summary)
        if summary.class_names:
            draw_summary(self.folder, summary)
        return self.folder / SUMMARY_TEXT

    def analyse(
        self,
        *settings: str | Mapping[str, Any],
        folder: str | Path | None = None,
        tables: str | Path | None = None,
    ) -> Analysis:
        """Analyse features, learned vectors, classifiers and controls, as ``locgraph analyse`` does.

        Args:
            *settings: Overrides such as ``"analysis.umap=null"``, or a mapping with all settings of
                ``configs/analysis/standard.yaml``.
            folder: Where tables and figures are written; None takes the folder ``analysis`` of the study.
            tables: Folder of the prepared tables, if they were moved.

        Returns:
            The analysis, whose tables and warnings are in the folder too.

        Raises:
            LocgraphError: There is nothing to analyse, or a setting cannot work.
        """
        from locgraph.analysis.run import run_analysis
        from locgraph.analysis.settings import read_settings
        from locgraph.show.figures.analysis import draw_analysis

        with within("analysis"):
            chosen = read_settings(_analysis_settings(settings))
        self._check_one_seed()
        source = self._source(None if tables is None else Path(tables))
        target = Path(folder) if folder is not None else self.folder / ANALYSIS
        with within("analysis"):
            analysis = run_analysis(source, chosen, _show_progress)
        with analysis.part("figures"):
            figures = draw_analysis(analysis, target)
        analysis.write(target, figures)
        if (self.folder / SUMMARY).is_file():
            # its classifiers are rivals of the model
            self.write_summary()
        return analysis

    def report(
        self,
        output: str | Path | None = None,
        *,
        tables: str | Path | None = None,
        explanations: Sequence[str | Path] = (),
        analysed: str | Path | None = None,
        **options: Any,
    ) -> Path:
        """Write the report: one HTML page that opens offline, as ``locgraph report`` does.

        Args:
            output: The HTML file; None writes ``report.html`` into the folder of the study.
            tables: Folder of the prepared tables, if they were moved.
            explanations: Folders of explanations; those in the run folders where there are none.
            analysed: Folder of an analysis; None looks in the folder of the study and in its first run.
            **options: See `locgraph.show.report.page.Options`: ``max_megabytes``, ``wrong``, ``right``, ...

        Returns:
            The page.

        Raises:
            LocgraphError: No run has predictions, or an argument cannot work.
        """
        from locgraph.show.report.folder import report_runs
        from locgraph.show.report.page import Options

        self._check_runs()
        self._check_one_seed()
        return report_runs(
            self.folder,
            self.run_folders,
            self.n_folds,
            None if output is None else Path(output),
            Options(**options),
            tables=None if tables is None else Path(tables),
            explanations=[Path(path) for path in explanations],
            analysed=None if analysed is None else Path(analysed),
            find_tables=lambda runs: find_study_tables(runs, None),
        )


def _analysis_settings(settings: Sequence[str | Mapping[str, Any]]) -> Mapping[str, Any]:
    from locgraph.api.config import compose

    if len(settings) == 1 and isinstance(settings[0], Mapping):
        return settings[0]
    group: Mapping[str, Any] = compose("analyse", "folder=.", *settings)["analysis"]
    return group


def _show_progress(items: Sequence[Any], description: str) -> Iterable[Any]:
    from rich.progress import track

    return track(items, description=description, transient=True)
