"""The table of a summary: one row for each method and metric, with means over folds and intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.controls import MEANINGS
from locgraph.analysis.sweeps.outcomes import CORRECT, MODEL, SOURCE, score_interval_of
from locgraph.analysis.sweeps.runs import FoldResult
from locgraph.stats.metrics import ACCURACY, BALANCED_ACCURACY, METRICS

Scores = dict[tuple[str, str], dict[int, list[float]]]
"""Source and metric -> fold -> value of each run."""


def summary_table(by_fold: Mapping[int, Sequence[FoldResult]], outcomes: pl.DataFrame, overlap: float) -> pl.DataFrame:
    """Return the table of `locgraph.analysis.sweeps.summary.Summary`.

    Args:
        by_fold: Number of a fold -> its completed runs, one for each seed.
        outcomes: Of all methods.
        overlap: n_test / n_train of a fold.
    """
    values = _scores(by_fold)
    for key, scores in _rival_scores(outcomes, {source for source, _ in values}).items():
        values[key] = scores
    rows = [
        _row(*key, scores, overlap, outcomes.filter(pl.col(SOURCE) == key[0]))
        for key, scores in sorted(values.items(), key=_row_order)
    ]
    numbers = ["mean", "standard_deviation", "seed_deviation", "interval_low", "interval_high"]
    columns = {
        "source": pl.String,
        "metric": pl.String,
        "n_folds": pl.Int64,
        "n_runs": pl.Int64,
        **dict.fromkeys(numbers, pl.Float64),
        "no_interval": pl.String,
        **dict.fromkeys((f"fold_{fold}" for fold in sorted(by_fold)), pl.Float64),
    }
    return pl.DataFrame(rows, schema=columns)


def _scores(by_fold: Mapping[int, Sequence[FoldResult]]) -> Scores:
    values: Scores = {}
    for fold, runs in by_fold.items():
        for result in runs:
            sources = [(MODEL, metric, value) for metric, value in result.metrics.items()]
            for metric, controls in ((ACCURACY, result.controls), (BALANCED_ACCURACY, result.controls_balanced)):
                sources += [(control, metric, value) for control, value in controls.items()]
            for source, metric, value in sources:
                values.setdefault((source, metric), {}).setdefault(fold, []).append(value)
    return values


def _rival_scores(outcomes: pl.DataFrame, known: set[str]) -> Scores:
    """Return the scores of methods that no run has: classifiers of an analysis."""
    values: Scores = {}
    others = outcomes.filter(~pl.col(SOURCE).is_in(list(known)))
    for (source, fold), table in others.group_by(SOURCE, schema.FOLD, maintain_order=True):
        recalls = table.group_by(schema.TRUTH).agg(pl.col(CORRECT).mean())[CORRECT]
        scores = {ACCURACY: table[CORRECT].to_numpy().mean(), BALANCED_ACCURACY: recalls.to_numpy().mean()}
        for metric, value in scores.items():
            values.setdefault((str(source), metric), {})[int(str(fold))] = [float(value)]
    return values


def _row(
    source: str, metric: str, scores: Mapping[int, Sequence[float]], overlap: float, outcomes: pl.DataFrame
) -> dict[str, Any]:
    by_fold = {fold: float(np.mean(values)) for fold, values in sorted(scores.items())}
    interval = score_interval_of(metric, by_fold, overlap, outcomes)
    over_seeds = [np.var(values, ddof=1) for values in scores.values() if len(values) > 1]
    return {
        "source": source,
        "metric": metric,
        "n_folds": len(by_fold),
        "n_runs": sum(map(len, scores.values())),
        "mean": interval.estimate,
        "standard_deviation": float(np.std(list(by_fold.values()), ddof=1)) if len(by_fold) > 1 else None,
        "seed_deviation": float(np.mean(over_seeds) ** 0.5) if over_seeds else None,
        "interval_low": interval.low,
        "interval_high": interval.high,
        "no_interval": interval.reason or None,
        **{f"fold_{fold}": value for fold, value in by_fold.items()},
    }


def _row_order(item: tuple[tuple[str, str], Any]) -> tuple[int, str, tuple[int, str]]:
    (source, metric), _ = item
    known = [MODEL, *MEANINGS]
    return (known.index(source) if source in known else len(known), source, _metric_order(metric))


def _metric_order(metric: str) -> tuple[int, str]:
    known = METRICS
    return (known.index(metric) if metric in known else len(known), metric)
