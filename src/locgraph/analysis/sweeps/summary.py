"""Summary of a sweep over folds and seeds: means with intervals, the model beside simple classifiers, missing folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.controls import MAJORITY_CLASS
from locgraph.analysis.sweeps.fold_numbers import FoldNumbers
from locgraph.analysis.sweeps.methods import Method, better_than_all
from locgraph.analysis.sweeps.outcomes import (
    COLUMNS,
    CORRECT,
    MODEL,
    SOURCE,
    columns_of,
    difference_interval_of,
    overlap_of,
    read_outcomes,
)
from locgraph.analysis.sweeps.rivals import rival_outcomes
from locgraph.analysis.sweeps.runs import Failure, FoldResult
from locgraph.analysis.sweeps.summary_table import summary_table
from locgraph.analysis.sweeps.summary_text import headline, summary_markdown
from locgraph.errors import DataError
from locgraph.provenance import whole_file, write_csv, write_json
from locgraph.run_folder import SUMMARY, SUMMARY_TABLE, SUMMARY_TEXT
from locgraph.stats.intervals import Interval
from locgraph.stats.metrics import ACCURACY, BALANCED_ACCURACY
from locgraph.stats.pooled import pooled_accuracy

_NO_RIVALS: Final = (MODEL, MAJORITY_CLASS)


@dataclass(frozen=True)
class Summary:
    """Scores of the model and of simple classifiers over the folds and seeds of a sweep.

    Runs of several seeds on one fold test the same FOVs: their scores are averaged within the fold first. Folds of
    several ``fold.seed`` are numbered one after the other: those of the second begin at ``n_folds``.

    Attributes:
        experiment: Name of the experiment.
        expected_folds: Numbers of the folds.
        table: One row for each source (`MODEL`, a control, a classifier of an analysis) and metric: ``source``,
            ``metric``, ``n_folds`` (how many have the number), ``n_runs``, ``mean``, ``standard_deviation`` (over
            folds, ddof 1), ``seed_deviation`` (over the seeds of a fold, ddof 1, quadratic mean over folds),
            ``interval_low``, ``interval_high`` (95 % interval of the mean, `score_interval_of`), ``no_interval`` (why
            there is none), ``fold_<number>`` for each completed fold; null where there is no number.
        class_names: The K classes; empty where no fold completed.
        confusion: (K, K) int64, rows are true classes, pooled over the completed runs.
        pooled: Accuracy of all test FOVs together with its 95 % interval (`pooled_accuracy`); None where no fold
            completed, and where localisations are counted: those of one FOV are not independent.
        missing: Expected folds without a result of every seed.
        reasons: Missing fold -> why.
        failures: Every run without a result, also those repeated with success.
        seeds: Seeds of the training.
        fold_seeds: Seeds of the folds.
        overlap: n_test / n_train of a fold.
        outcomes: Which test FOVs each source classifies correctly; columns of `locgraph.analysis.sweeps.outcomes`.
        analysed: Whether classifiers of an analysis are among the sources.
    """

    experiment: str
    expected_folds: tuple[int, ...]
    table: pl.DataFrame
    class_names: tuple[str, ...]
    confusion: np.ndarray
    pooled: Interval | None
    missing: list[int]
    reasons: dict[int, str]
    failures: tuple[Failure, ...]
    seeds: tuple[int, ...] = (0,)
    fold_seeds: tuple[int, ...] = (0,)
    overlap: float = 0.0
    outcomes: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=COLUMNS))
    analysed: bool = False

    def __repr__(self) -> str:
        done = len(self.expected_folds) - len(self.missing)
        mean = self.intervals().get(MODEL, (None,))[0]
        control = self.best_control()
        parts = [f"{done} of {len(self.expected_folds)} folds"]
        parts += [] if mean is None else [f"mean test accuracy {mean:.3f}"]
        parts += [] if control is None else [f"best control {control[0]} {control[1]:.3f}"]
        return f"Summary({self.experiment!r}: {', '.join(parts)})"

    def _repr_html_(self) -> str:
        return f"<p>{self!r}</p>{self.table._repr_html_()}"

    @property
    def complete(self) -> bool:
        """Whether every expected fold has a result."""
        return not self.missing

    def folds(self, metric: str = ACCURACY) -> dict[str, dict[int, float]]:
        """Return the values of one metric: source -> fold -> value, the model first."""
        columns = [name for name in self.table.columns if name.startswith("fold_")]
        return {
            row["source"]: {int(name.removeprefix("fold_")): row[name] for name in columns if row[name] is not None}
            for row in self._rows(metric)
        }

    def intervals(self, metric: str = ACCURACY) -> dict[str, tuple[float, float | None, float | None]]:
        """Return mean and interval ends of one metric by source, the model first."""
        return {row["source"]: (row["mean"], row["interval_low"], row["interval_high"]) for row in self._rows(metric)}

    def best_control(self, metric: str = ACCURACY) -> tuple[str, float] | None:
        """Return the best simple classifier of all that ran, except the majority class, and its mean; None without."""
        means = {name: values[0] for name, values in self.intervals(metric).items() if name not in _NO_RIVALS}
        best = max(means, key=lambda name: means[name], default=None)
        return None if best is None else (best, means[best])

    def method(self, source: str) -> Method:
        """Return what is known of the model or of a simple classifier, to compare it with others."""
        folds = {metric: self.folds(metric).get(source, {}) for metric in (ACCURACY, BALANCED_ACCURACY)}
        return Method(source, folds, self.outcomes.filter(pl.col(SOURCE) == source), self.overlap)

    def better_than_controls(self) -> dict[str, Any] | None:
        """Return the test that the model is better than every simple classifier but the majority class.

        See `better_than_all`; None where there is nothing to test.
        """
        sources = list(self.folds())
        rivals = [self.method(name) for name in sources if name not in _NO_RIVALS]
        return better_than_all(self.method(MODEL), rivals) if MODEL in sources else None

    def lead_over(self, control: str, metric: str = ACCURACY) -> Interval | None:
        """Return the paired difference of model and control, with its 95 % interval; None without shared folds."""
        folds = self.folds(metric)
        model, other = folds.get(MODEL, {}), folds.get(control, {})
        differences = {fold: model[fold] - other[fold] for fold in sorted(model.keys() & other.keys())}
        if not differences:
            return None
        sides = (self.outcomes.filter(pl.col(SOURCE) == name) for name in (MODEL, control))
        return difference_interval_of(metric, differences, self.overlap, *sides)

    def recalls(self) -> dict[str, Interval]:
        """Return the recall of the model on each tested class with its 95 % interval; none of localisations."""
        model = self.outcomes.filter(pl.col(SOURCE) == MODEL)
        return {
            name: pooled_of(table)
            for name in self.class_names
            if (table := model.filter(pl.col(schema.TRUTH) == name)).height
        }

    def headline(self) -> str:
        """Return the result in two sentences: the model with its interval, and its lead over the best of all others."""
        return headline(self.content())

    def content(self) -> dict[str, Any]:
        """Return plain values, as they are written to ``summary.json``."""
        pooled, best = self.pooled, self.best_control()
        lead = None if best is None else self.lead_over(best[0])
        return {
            "experiment": self.experiment,
            "complete": self.complete,
            "expected_folds": list(self.expected_folds),
            "seeds": list(self.seeds),
            "fold_seeds": list(self.fold_seeds),
            "missing": self.missing,
            "reasons": {str(fold): reason for fold, reason in self.reasons.items()},
            "failures": [{"folder": str(run.folder), "fold": run.fold, "reason": run.reason} for run in self.failures],
            "table": self.table.to_dicts(),
            "best_control": best
            and {"source": best[0], "mean": best[1], "of": self.n_rivals(), "lead": lead and _plain(lead)},
            "better_than_controls": self.better_than_controls(),
            "analysed": self.analysed,
            "class_names": list(self.class_names),
            "confusion_matrix": self.confusion.tolist(),
            "pooled_accuracy": pooled and {"accuracy": pooled.estimate, **_ends(pooled)},
            "overlap": self.overlap,
        }

    def n_rivals(self, metric: str = ACCURACY) -> int:
        """Return how many simple classifiers ran, the majority class left out."""
        return len([row for row in self._rows(metric) if row["source"] not in _NO_RIVALS])

    def _rows(self, metric: str) -> list[dict[str, Any]]:
        return self.table.filter(pl.col("metric") == metric).to_dicts()


def _order(result: FoldResult) -> tuple[int, int, int]:
    return result.fold_seed, result.fold, result.seed


def _ends(interval: Interval) -> dict[str, Any]:
    return {"low": interval.low, "high": interval.high, "no_interval": interval.reason or None}


def _plain(interval: Interval) -> dict[str, Any]:
    return {"difference": interval.estimate, **_ends(interval)}


def pooled_of(outcomes: pl.DataFrame) -> Interval:
    """Return the fraction of outcomes that are correct with its 95 % interval."""
    return pooled_accuracy(outcomes[CORRECT].to_numpy(), *columns_of(outcomes))


def summarise(
    results: Sequence[FoldResult | Failure], expected_folds: Sequence[int], classifiers: pl.DataFrame | None = None
) -> Summary:
    """Summarise the runs of one sweep, over folds and seeds.

    Args:
        results: Results of all runs, in any order.
        expected_folds: Indices of the folds of the split.
        classifiers: Predictions of the classifiers of an analysis (`read_rivals`): ``source``, ``fold``,
            ``fov_id``, ``truth``, ``prediction``; those that are not of the same test FOVs are left out.

    Returns:
        The summary; folds without a result of every seed are in ``missing`` with their reasons.

    Raises:
        DataError: Runs differ in experiment, number of folds or order of classes; two completed runs are of the same
            fold and seeds; or a fold is not among those expected.
    """
    completed = sorted((each for each in results if isinstance(each, FoldResult)), key=_order)
    failures = tuple(each for each in results if isinstance(each, Failure))
    _check_same(completed)
    _check_folds(completed, expected_folds)
    numbers = FoldNumbers.of(completed, failures, expected_folds)
    by_fold: dict[int, list[FoldResult]] = {}
    for result in completed:
        by_fold.setdefault(numbers.of_run(result), []).append(result)
    missing = numbers.missing(by_fold, failures)
    class_names = completed[0].class_names if completed else ()
    confusion = sum((result.confusion for result in completed), np.zeros((len(class_names),) * 2, dtype=np.int64))
    outcomes, overlap = read_outcomes(by_fold), overlap_of(completed)
    rivals = rival_outcomes(outcomes, classifiers)
    outcomes = pl.concat([outcomes, rivals])
    return Summary(
        experiment=completed[0].experiment if completed else "",
        expected_folds=numbers.all,
        table=summary_table(by_fold, outcomes, overlap),
        class_names=class_names,
        confusion=confusion,
        pooled=_pooled(completed, outcomes),
        missing=sorted(missing),
        reasons=missing,
        failures=failures,
        seeds=tuple(sorted({result.seed for result in completed})),
        fold_seeds=numbers.fold_seeds,
        overlap=overlap,
        outcomes=outcomes,
        analysed=not rivals.is_empty(),
    )


def write_summary(folder: Path, summary: Summary) -> None:
    """Write ``summary.json`` (everything), ``summary.csv`` (the table) and ``summary.md`` (to read) into a folder."""
    content = summary.content()
    write_json(folder / SUMMARY, content)
    write_csv(folder / SUMMARY_TABLE, summary.table)
    with whole_file(folder / SUMMARY_TEXT) as temporary:
        temporary.write_text(summary_markdown(content), encoding="utf-8")


def _pooled(completed: Sequence[FoldResult], outcomes: pl.DataFrame) -> Interval | None:
    if not completed or any(result.of_localisations for result in completed):
        return None
    return pooled_of(outcomes.filter(pl.col(SOURCE) == MODEL))


def _check_same(completed: Sequence[FoldResult]) -> None:
    what = {"class_names": "class orders", "n_folds": "numbers of folds", "experiment": "experiments"}
    for name, words in what.items():
        for result in completed[1:]:
            first, other = getattr(completed[0], name), getattr(result, name)
            if first != other:
                raise DataError(
                    f"expected runs of one sweep, found different {words}: {first} in {completed[0].folder} and "
                    f"{other} in {result.folder}; summarise them apart, or repeat one of them"
                )


def _check_folds(completed: Sequence[FoldResult], expected: Sequence[int]) -> None:
    seen: dict[tuple[int, int, int], Path] = {}
    for result in completed:
        fold, folder, key = result.fold, result.folder, _order(result)
        if key in seen:
            raise DataError(f"expected one completed run of fold {fold}, found {seen[key]} and {folder}: omit one")
        if fold not in expected:
            raise DataError(f"expected folds {sorted(expected)}, found fold {fold} in {folder}")
        seen[key] = folder
