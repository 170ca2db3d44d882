"""One table of network, classifiers and controls: the same folds, the same scores, intervals for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.controls import CONTROL, MEANINGS, score_controls
from locgraph.analysis.cross_validation import CLASSIFIER, CrossValidation
from locgraph.analysis.sweeps.outcomes import (
    COLUMNS,
    CORRECT,
    MODEL,
    SOURCE,
    columns_of,
    outcomes_of,
    read_outcomes,
    score_interval_of,
)
from locgraph.analysis.sweeps.runs import FoldResult
from locgraph.stats.metrics import ACCURACY, BALANCED_ACCURACY, METRICS
from locgraph.stats.pooled import pooled_accuracy

NETWORK: Final = "network"
GRAPH: Final = "graph"
"""Input of the network."""
LOCALISATIONS: Final = "localisations"
"""Input of the controls."""
KINDS: Final = (NETWORK, CLASSIFIER, CONTROL)

_TEXTS: Final = ("kind", "name", "features", "metric")
_NUMBERS: Final = ("mean", "standard_deviation", "interval_low", "interval_high", "pooled", "pooled_low", "pooled_high")


@dataclass(frozen=True)
class Entry:
    """One method and its scores.

    Attributes:
        kind: One of `KINDS`.
        name: Its name.
        features: Its input: ``hand_made``, ``learned``, ``localisations``, ``graph``.
        scores: Fold -> metric -> value.
        outcomes: Which test FOVs it classifies correctly (`locgraph.analysis.sweeps.outcomes`); empty where unknown.
    """

    kind: str
    name: str
    features: str
    scores: Mapping[int, Mapping[str, float]]
    outcomes: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=COLUMNS))


def compare(entries: Sequence[Entry], overlap: float) -> pl.DataFrame:
    """Put methods into one table.

    Args:
        entries: The methods, in the order in which they are shown.
        overlap: n_test / n_train of a fold.

    Returns:
        One row for each metric and method: ``kind``, ``name``, ``features``, ``metric``, ``n_folds``, ``mean``,
        ``standard_deviation`` (ddof 1), ``interval_low``, ``interval_high`` (95 % interval of the mean,
        `score_interval_of`), ``pooled``, ``pooled_low``, ``pooled_high`` (accuracy over all test FOVs with its
        interval, `pooled_accuracy`), ``no_interval`` (why there is none), and ``fold_<index>``.
    """
    folds = sorted({fold for entry in entries for fold in entry.scores})
    rows = [row for metric in METRICS for entry in entries if (row := _row(entry, metric, overlap)) is not None]
    columns = {
        **dict.fromkeys(_TEXTS, pl.String),
        "n_folds": pl.Int64,
        **dict.fromkeys(_NUMBERS, pl.Float64),
        "no_interval": pl.String,
        **dict.fromkeys((f"fold_{fold}" for fold in folds), pl.Float64),
    }
    return pl.DataFrame(rows, schema=columns)


def classifiers_as_entries(results: CrossValidation, features: str, groups: Mapping[str, str | None]) -> list[Entry]:
    """Return classifiers as entries, in the order of the scores.

    Args:
        results: Of the classifiers.
        features: Their input.
        groups: Group of each FOV.
    """
    names = results.scores[CLASSIFIER].unique(maintain_order=True).to_list()
    entries = []
    for name in names:
        rows = results.scores.filter(pl.col(CLASSIFIER) == name).to_dicts()
        scores = {
            row[schema.FOLD]: {metric: row[metric] for metric in METRICS if row[metric] is not None} for row in rows
        }
        predictions = results.predictions.filter(pl.col(CLASSIFIER) == name)
        entries.append(Entry(CLASSIFIER, name, features, scores, outcomes_of(predictions, name, groups)))
    return entries


def runs_as_entries(results: Mapping[int, FoldResult]) -> list[Entry]:
    """Return the network of some runs, and their controls, as entries.

    Args:
        results: Fold -> result of a run that classifies FOVs.
    """
    if not results:
        return []
    outcomes = read_outcomes({fold: [result] for fold, result in results.items()})
    scores: dict[int, dict[str, float]] = {
        fold: {metric: result.metrics[metric] for metric in METRICS if metric in result.metrics}
        for fold, result in results.items()
    }
    entries = [Entry(NETWORK, NETWORK, GRAPH, scores, outcomes.filter(pl.col(SOURCE) == MODEL))]
    for name in MEANINGS:
        of_folds = {fold: result for fold, result in results.items() if name in result.controls}
        scores = {fold: {ACCURACY: result.controls[name]} for fold, result in of_folds.items()}
        for fold, result in of_folds.items():
            if name in result.controls_balanced:
                scores[fold][BALANCED_ACCURACY] = result.controls_balanced[name]
        if scores:
            entries.append(Entry(CONTROL, name, LOCALISATIONS, scores, outcomes.filter(pl.col(SOURCE) == name)))
    return entries


def controls_as_entries(predictions: Mapping[int, pl.DataFrame], groups: Mapping[str, str | None]) -> list[Entry]:
    """Return controls as entries.

    Args:
        predictions: Fold -> result of `locgraph.analysis.controls.predict_controls`.
        groups: Group of each FOV.
    """
    scores: dict[str, dict[int, dict[str, float]]] = {}
    for fold, table in predictions.items():
        for row in score_controls(table, n_train=0).to_dicts():
            values = {metric: row[metric] for metric in (ACCURACY, BALANCED_ACCURACY)}
            scores.setdefault(row[CONTROL], {})[fold] = values
    named = [table.with_columns(pl.lit(fold, pl.Int64).alias(schema.FOLD)) for fold, table in predictions.items()]
    return [
        Entry(
            CONTROL,
            name,
            LOCALISATIONS,
            scores[name],
            outcomes_of(pl.concat(named).filter(pl.col(CONTROL) == name), name, groups),
        )
        for name in MEANINGS
        if name in scores
    ]


def _row(entry: Entry, metric: str, overlap: float) -> dict[str, Any] | None:
    values = {fold: scores[metric] for fold, scores in sorted(entry.scores.items()) if metric in scores}
    if not values:
        return None
    interval = score_interval_of(metric, values, overlap, entry.outcomes)
    deviation = float(np.std(list(values.values()), ddof=1)) if len(values) > 1 else None
    row = dict(zip(_TEXTS, (entry.kind, entry.name, entry.features, metric), strict=True))
    numbers = [interval.estimate, deviation, interval.low, interval.high, None, None, None]
    if metric == ACCURACY and not entry.outcomes.is_empty():
        pooled = pooled_accuracy(entry.outcomes[CORRECT].to_numpy(), *columns_of(entry.outcomes))
        numbers[4:] = [pooled.estimate, pooled.low, pooled.high]
    return {
        **row,
        "n_folds": len(values),
        **dict(zip(_NUMBERS, numbers, strict=True)),
        "no_interval": interval.reason or None,
        **{f"fold_{fold}": value for fold, value in values.items()},
    }
