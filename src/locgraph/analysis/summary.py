"""Summary of a sweep over folds: means with intervals, the model beside its controls, and missing folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph.analysis.controls import MAJORITY_CLASS, MEANINGS
from locgraph.analysis.runs import Failure, FoldResult
from locgraph.analysis.summary_text import summary_markdown
from locgraph.errors import DataError
from locgraph.provenance import whole_file, write_csv, write_json
from locgraph.run_folder import SUMMARY, SUMMARY_TABLE, SUMMARY_TEXT
from locgraph.stats.intervals import Interval, mean_interval, wilson_interval
from locgraph.stats.metrics import ACCURACY, BALANCED_ACCURACY, METRICS

MODEL: Final = "model"
_NO_RIVALS: Final = (MODEL, MAJORITY_CLASS)


@dataclass(frozen=True)
class Summary:
    """Scores of the model and its controls over the folds of a sweep.

    Attributes:
        experiment: Name of the experiment.
        expected_folds: Indices of the folds of the split.
        table: One row for each source (`MODEL` or a control) and metric: ``source``, ``metric``, ``n_folds`` (how many
            have the number), ``mean``, ``standard_deviation`` (ddof 1), ``interval_low``, ``interval_high`` (95 %
            interval of the mean), ``fold_<index>`` for each completed fold; null where there is no number.
        class_names: The K classes; empty where no fold completed.
        confusion: (K, K) int64, rows are true classes, pooled over the completed folds.
        pooled: Accuracy of the pooled test FOVs with Wilson's 95 % interval; None where no fold completed, and where
            localisations are counted: those of one FOV are not independent.
        missing: Expected folds without a result.
        reasons: Missing fold -> why.
        failures: Every run without a result, also those repeated with success.
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
        """Return the control with the highest mean, except the majority class, and its mean; None without controls."""
        means = {name: values[0] for name, values in self.intervals(metric).items() if name not in _NO_RIVALS}
        best = max(means, key=lambda name: means[name], default=None)
        return None if best is None else (best, means[best])

    def lead_over(self, control: str, metric: str = ACCURACY) -> Interval | None:
        """Return the paired difference of model and control over folds, with its 95 % interval; None without folds."""
        folds = self.folds(metric)
        model, other = folds.get(MODEL, {}), folds.get(control, {})
        shared = sorted(model.keys() & other.keys())
        return mean_interval([model[fold] - other[fold] for fold in shared], (-1.0, 1.0)) if shared else None

    def content(self) -> dict[str, Any]:
        """Return plain values, as they are written to ``summary.json``."""
        pooled = self.pooled
        return {
            "experiment": self.experiment,
            "complete": self.complete,
            "expected_folds": list(self.expected_folds),
            "missing": self.missing,
            "reasons": {str(fold): reason for fold, reason in self.reasons.items()},
            "failures": [{"folder": str(run.folder), "fold": run.fold, "reason": run.reason} for run in self.failures],
            "table": self.table.to_dicts(),
            "class_names": list(self.class_names),
            "confusion_matrix": self.confusion.tolist(),
            "pooled_accuracy": pooled and {"accuracy": pooled.estimate, "low": pooled.low, "high": pooled.high},
        }

    def _rows(self, metric: str) -> list[dict[str, Any]]:
        return self.table.filter(pl.col("metric") == metric).to_dicts()


def summarise(results: Sequence[FoldResult | Failure], expected_folds: Sequence[int]) -> Summary:
    """Summarise the runs of one sweep.

    Args:
        results: Results of all runs, in any order.
        expected_folds: Indices of the folds of the split.

    Returns:
        The summary; folds without a result are in ``missing`` with their reasons.

    Raises:
        DataError: Runs differ in experiment, number of folds or order of classes; two completed runs are of the same
            fold; or a fold is not among those expected.
    """
    completed = sorted((result for result in results if isinstance(result, FoldResult)), key=lambda result: result.fold)
    failures = tuple(result for result in results if isinstance(result, Failure))
    _check_same(completed)
    _check_folds(completed, expected_folds)
    done = {result.fold for result in completed}
    missing = sorted(set(expected_folds) - done)
    class_names = completed[0].class_names if completed else ()
    confusion = sum((result.confusion for result in completed), np.zeros((len(class_names),) * 2, dtype=np.int64))
    return Summary(
        experiment=completed[0].experiment if completed else "",
        expected_folds=tuple(sorted(expected_folds)),
        table=_table(completed),
        class_names=class_names,
        confusion=confusion,
        pooled=_pooled(completed, confusion),
        missing=missing,
        reasons={fold: _reason(fold, failures) for fold in missing},
        failures=failures,
    )


def write_summary(folder: Path, summary: Summary) -> None:
    """Write ``summary.json`` (everything), ``summary.csv`` (the table) and ``summary.md`` (to read) into a folder."""
    content = summary.content()
    write_json(folder / SUMMARY, content)
    write_csv(folder / SUMMARY_TABLE, summary.table)
    with whole_file(folder / SUMMARY_TEXT) as temporary:
        temporary.write_text(summary_markdown(content), encoding="utf-8")


def _pooled(completed: Sequence[FoldResult], confusion: np.ndarray) -> Interval | None:
    if not completed or any(result.of_localisations for result in completed):
        return None
    return wilson_interval(int(np.trace(confusion)), int(confusion.sum()))


def _reason(fold: int, failures: Sequence[Failure]) -> str:
    known = [f"{failure.reason} ({failure.folder})" for failure in failures if failure.fold == fold]
    if known:
        return "; ".join(known)
    nameless = [str(failure.folder) for failure in failures if failure.fold is None]
    return f"perhaps one of the runs without a fold: {', '.join(nameless)}" if nameless else "no run of it was found"


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
    seen: dict[int, Path] = {}
    for result in completed:
        fold, folder = result.fold, result.folder
        if fold in seen:
            raise DataError(f"expected one completed run of fold {fold}, found {seen[fold]} and {folder}: omit one")
        if fold not in expected:
            raise DataError(f"expected folds {sorted(expected)}, found fold {fold} in {folder}")
        seen[fold] = folder


def _table(completed: Sequence[FoldResult]) -> pl.DataFrame:
    values: dict[tuple[str, str], dict[int, float]] = {}
    for result in completed:
        for metric in sorted(result.metrics, key=_metric_order):
            values.setdefault((MODEL, metric), {})[result.fold] = result.metrics[metric]
        for metric, controls in ((ACCURACY, result.controls), (BALANCED_ACCURACY, result.controls_balanced)):
            for control, value in controls.items():
                values.setdefault((control, metric), {})[result.fold] = value
    rows = [_table_row(*key, by_fold) for key, by_fold in sorted(values.items(), key=_row_order)]
    folds = [f"fold_{result.fold}" for result in completed]
    numbers = ["mean", "standard_deviation", "interval_low", "interval_high", *folds]
    columns = {"source": pl.String, "metric": pl.String, "n_folds": pl.Int64, **dict.fromkeys(numbers, pl.Float64)}
    return pl.DataFrame(rows, schema=columns)


def _table_row(source: str, metric: str, by_fold: Mapping[int, float]) -> dict[str, Any]:
    values = list(by_fold.values())
    interval = mean_interval(values, (0.0, 1.0) if metric in METRICS else None)
    return {
        "source": source,
        "metric": metric,
        "n_folds": len(values),
        "mean": interval.estimate,
        "standard_deviation": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "interval_low": interval.low,
        "interval_high": interval.high,
        **{f"fold_{fold}": value for fold, value in by_fold.items()},
    }


def _row_order(item: tuple[tuple[str, str], Any]) -> tuple[int, str, tuple[int, str]]:
    (source, metric), _ = item
    known = [MODEL, *MEANINGS]
    return (known.index(source) if source in known else len(known), source, _metric_order(metric))


def _metric_order(metric: str) -> tuple[int, str]:
    known = METRICS
    return (known.index(metric) if metric in known else len(known), metric)


def compare_summaries(summary: Summary, other: Summary) -> pl.DataFrame:
    """Compare two sweeps on the folds that both completed.

    Args:
        summary: Of one sweep.
        other: Of another one, with the same folds of the same data.

    Returns:
        One row for each source (`MODEL` or a control) and metric that both have: ``source``, ``metric``, ``n_folds``
        (shared folds), ``mean`` and ``other_mean`` over these, ``difference`` (the first less the other),
        ``interval_low`` and ``interval_high`` (95 % interval of the mean of the paired differences), and
        ``fold_<index>``, the difference of each shared fold.
    """
    rows = []
    folds: set[int] = set()
    for source, metric in summary.table.select("source", "metric").iter_rows():
        values, others = summary.folds(metric).get(source, {}), other.folds(metric).get(source, {})
        shared = sorted(values.keys() & others.keys())
        if not shared:
            continue
        folds |= set(shared)
        differences = {fold: values[fold] - others[fold] for fold in shared}
        interval = mean_interval(list(differences.values()), (-1.0, 1.0) if metric in METRICS else None)
        rows.append(
            {
                "source": source,
                "metric": metric,
                "n_folds": len(shared),
                "mean": float(np.mean([values[fold] for fold in shared])),
                "other_mean": float(np.mean([others[fold] for fold in shared])),
                "difference": interval.estimate,
                "interval_low": interval.low,
                "interval_high": interval.high,
                **{f"fold_{fold}": value for fold, value in differences.items()},
            }
        )
    numbers = ("mean", "other_mean", "difference", "interval_low", "interval_high")
    columns = {"source": pl.String, "metric": pl.String, "n_folds": pl.Int64}
    columns |= dict.fromkeys((*numbers, *(f"fold_{fold}" for fold in sorted(folds))), pl.Float64)
    return pl.DataFrame(rows, schema=columns)
