"""Studies: runs and sweeps read back, summarised, compared, analysed and reported."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from locgraph.analysis.sweeps.comparison import ROPE, Comparison
from locgraph.analysis.sweeps.rivals import read_rivals
from locgraph.analysis.sweeps.runs import Failure, FoldResult, read_run
from locgraph.analysis.sweeps.summary import Summary, summarise, write_summary
from locgraph.errors import ConfigError, DataError, within
from locgraph.run_folder import (
    ANALYSIS,
    CHANCE,
    CONFOUNDERS,
    PREDICTIONS,
    SUMMARIES,
    SUMMARY,
    SUMMARY_TEXT,
    TRUST,
    RunFolder,
)
from locgraph.settings import check_whole
from locgraph.stats.metrics import ACCURACY

if TYPE_CHECKING:
    from locgraph.analysis.checks.check import Check
    from locgraph.analysis.results import Analysis
    from locgraph.analysis.source import Source

log = logging.getLogger(__name__)

RUN_KIND, SWEEP_KIND, REPEATS_KIND, TABLES_KIND = "run", "sweep", "repeats", "tables"


class Study:
    """Runs that differ in the fold alone: a run, or a sweep over folds; or prepared tables without runs.

    Runs that differ in the fold and in seeds, ``repeats``, have a summary and predictions; analyses and reports are
    those of each seed. `locgraph.api.studies` finds them.

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
        head = f"Study({str(self.folder)!r}, {self.kind}"
        if self.kind == TABLES_KIND:
            return f"{head})"
        interval = self.summary().intervals().get("model")
        score = "" if interval is None else f", accuracy {interval[0]:.3f}"
        if interval is not None and interval[1] is not None and interval[2] is not None:
            score += f" (95 % interval {interval[1]:.3f} to {interval[2]:.3f})"
        return f"{head}, {len(self.summary().folds().get('model', {}))} of {self.n_folds} folds{score})"

    def _repr_html_(self) -> str:
        table = "" if self.kind == TABLES_KIND else self.summary().table._repr_html_()
        return f"<p>{self!r}</p>{table}"

    def summary(self) -> Summary:
        """Return scores of the model and of simple classifiers over folds and seeds, with intervals.

        Missing folds are named. The classifiers are the controls of the runs and those of an analysis of the same
        folds, where there is one.

        Raises:
            DataError: There are no runs, or they do not fit together.
        """
        self._check_runs()
        analyses = [folder / ANALYSIS for folder in (self.folder, *self.run_folders)]
        # of several seeds each has a study of its own below
        analyses += sorted(self.folder.glob(f"{SUMMARIES}/*/{ANALYSIS}")) if self.kind == REPEATS_KIND else []
        return summarise(self.runs, range(self.n_folds), read_rivals(analyses))

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

    def compare(
        self, *others: Study, metric: str = ACCURACY, rope: float = ROPE, folder: str | Path | None = None
    ) -> Comparison:
        """Compare this study with others of the same folds, or, without others, with each of its own controls.

        Pairs are tested over folds and over test FOVs, as ``locgraph compare`` does.

        Args:
            *others: The other studies.
            metric: ``accuracy`` or ``balanced_accuracy``.
            rope: Half the width of the region of practical equivalence, in the unit of the metric.
            folder: Where to write ``comparison.json``, ``comparison.parquet`` and ``comparison.png``; None writes none.

        Returns:
            One row for each pair in its ``table``, the mean of each method in ``scores``, and the first in a
            ``sentence``.

        Raises:
            DataError: The studies differ in classes, folds, test FOVs or raw files, or share no completed fold; or
                there is nothing to compare.
            ConfigError: A setting is out of range.
        """
        from locgraph.analysis.sweeps.compared_sweeps import Sweep, compare_sweeps, compare_with_controls
        from locgraph.show.figures.comparison import draw_comparison

        for each in (self, *others):
            each._check_runs()
        if others:
            sweeps = [Sweep(each.folder, each.completed, each.n_folds) for each in (self, *others)]
            comparison = compare_sweeps(sweeps, metric, rope)
        else:
            comparison = compare_with_controls(self.summary(), metric, rope)
        if folder is not None:
            comparison.write(Path(folder))
            draw_comparison(comparison, Path(folder))
        return comparison

    def chance(
        self,
        permutations: int = 200,
        *,
        network: int = 0,
        seed: int = 0,
        tables: str | Path | None = None,
    ) -> Check:
        """Test whether classes are known above chance, by permuted labels.

        Simple classifiers, on what the controls see and on the same folds, take seconds.

        Args:
            permutations: Permutations for the simple classifiers; the smallest p-value is 1 / (1 + permutations).
            network: Permutations for which the network of the first completed run is trained again, each as long as
                that training took; 19 are the fewest that can show p = 0.05. 0 trains none.
            seed: Of the permutations.
            tables: Folder of the prepared tables, if they were moved.

        Returns:
            Table and sentences, which are written to the folder ``trust`` with a picture; see
            `locgraph.analysis.checks.chance.measure_chance`.

        Raises:
            DataError: FOVs have no classes or one, no label can be exchanged, or there is no run to train again.
            ConfigError: A setting is out of range.
        """
        from locgraph.analysis.checks.chance import add_network, measure_chance
        from locgraph.analysis.checks.control_folds import read_control_folds
        from locgraph.show.figures.chance import draw_chance

        check_whole("network", network, at_least=0)
        self._check_one_seed()
        source = self._source(None if tables is None else Path(tables))
        check = measure_chance(read_control_folds(source, seed), permutations, seed)
        if network:
            from locgraph.api.permuted import train_on_permuted

            check = add_network(check, *train_on_permuted(source, network, seed))
        check.write(self.folder / TRUST / CHANCE)
        draw_chance(self.folder / TRUST, check)
        return check

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
            find_tables=lambda runs: _find_tables(runs, None),
        )

    def confounders(self, *, tables: str | Path | None = None) -> Check:
        """Ask what else than the shape of the structures names the class, and what else the learned vectors hold.

        Args:
            tables: Folder of the prepared tables, if they were moved.

        Returns:
            Table and sentences, which are written to the folder ``trust`` with a picture; see
            `locgraph.analysis.checks.probes.probe_confounders`.

        Raises:
            DataError: No run of a network that classifies FOVs completed, or the tables are not there.
        """
        from locgraph.analysis.checks.probes import probe_confounders
        from locgraph.show.figures.checks import draw_confounders

        check = probe_confounders(self._fov_source(tables))
        check.write(self.folder / TRUST / CONFOUNDERS)
        draw_confounders(self.folder / TRUST, check)
        return check

    def _fov_source(self, tables: str | Path | None) -> Source:
        """Return the source of runs of one seed that classify FOVs."""
        self._check_runs()
        self._check_one_seed()
        source = self._source(None if tables is None else Path(tables))
        if any(result.of_localisations for result in source.results.values()):
            raise DataError(f"{self.folder}: expected a model that classifies FOVs, found one of localisations")
        return source

    def _source(self, tables: Path | None) -> Source:
        from locgraph.analysis.source import check_completed, runs_source, tables_source

        if self.kind == TABLES_KIND:
            if tables is not None:
                raise ConfigError(f"{self.folder} holds tables itself; leave this out", setting="tables")
            return tables_source(self.folder)
        completed = check_completed(self.folder, self.runs)
        n_folds = self.n_folds if self.kind == SWEEP_KIND else None
        place = _find_tables([run.folder for run in sorted(completed, key=lambda run: run.fold)], tables)
        return runs_source(self.folder, self.kind, self.runs, n_folds, place)

    def _check_one_seed(self) -> None:
        if self.kind == REPEATS_KIND:
            raise DataError(
                f"{self.folder}: holds runs of several seeds; analyse or report one of them, of "
                "locgraph.api.studies.find_studies"
            )

    def _check_runs(self) -> None:
        if self.kind == TABLES_KIND:
            raise DataError(f"{self.folder}: expected a run or sweep, found prepared tables without runs")


def _analysis_settings(settings: Sequence[str | Mapping[str, Any]]) -> Mapping[str, Any]:
    from locgraph.api.config import compose

    if len(settings) == 1 and isinstance(settings[0], Mapping):
        return settings[0]
    group: Mapping[str, Any] = compose("analyse", "folder=.", *settings)["analysis"]
    return group


def _find_tables(runs: Sequence[Path], given: Path | None) -> Path:
    from locgraph.api.prepare import find_tables

    return find_tables(runs, given)


def _show_progress(items: Sequence[Any], description: str) -> Iterable[Any]:
    from rich.progress import track

    return track(items, description=description, transient=True)
