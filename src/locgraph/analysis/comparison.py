"""One table of network, classifiers and controls: the same folds, the same scores, intervals for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.controls import MEANINGS
from locgraph.analysis.cross_validation import CLASSIFIER, CrossValidation
from locgraph.analysis.runs import FoldResult
from locgraph.stats.intervals import mean_interval, wilson_interval
from locgraph.stats.metrics import ACCURACY, BALANCED_ACCURACY, METRICS

NETWORK: Final = "network"
CONTROL: Final = "control"
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
        right: Test FOVs of all folds that it classified correctly, and their number; None where a FOV is tested twice.
    """

    kind: str
    name: str
    features: str
    scores: Mapping[int, Mapping[str, float]]
    right: tuple[int, int] | None = None


def compare(entries: Sequence[Entry]) -> pl.DataFrame:
    """Put methods into one table.

    Args:
        entries: The methods, in the order in which they are shown.

    Returns:
        One row for each metric and method: ``kind``, ``name``, ``features``, ``metric``, ``n_folds``, ``mean``,
        ``standard_deviation`` (ddof 1), ``interval_low``, ``interval_high`` (95 % interval of the mean over folds),
        ``pooled``, ``pooled_low``, ``pooled_high`` (accuracy over all test FOVs with Wilson's 95 % interval), and
        ``fold_<index>``.
    """
    folds = sorted({fold for entry in entries for fold in entry.scores})
    rows = [row for metric in METRICS for entry in entries if (row := _row(entry, metric)) is not None]
    columns = {
        **dict.fromkeys(_TEXTS, pl.String),
        "n_folds": pl.Int64,
        **dict.fromkeys((*_NUMBERS, *(f"fold_{fold}" for fold in folds)), pl.Float64),
    }
    return pl.DataFrame(rows, schema=columns)


def classifiers_as_entries(results: CrossValidation, features: str) -> list[Entry]:
    """Return classifiers as entries, in the order of the scores."""
    names = results.scores[CLASSIFIER].unique(maintain_order=True).to_list()
    entries = []
    for name in names:
        rows = results.scores.filter(pl.col(CLASSIFIER) == name).to_dicts()
        scores = {
            row[schema.FOLD]: {metric: row[metric] for metric in METRICS if row[metric] is not None} for row in rows
        }
        predictions = results.predictions.filter(pl.col(CLASSIFIER) == name)
        right = int((predictions[schema.TRUTH] == predictions[schema.PREDICTION]).sum())
        once = not predictions[schema.FOV_ID].is_duplicated().any()
        entries.append(Entry(CLASSIFIER, name, features, scores, (right, predictions.height) if once else None))
    return entries


def runs_as_entries(results: Mapping[int, FoldResult], tested: Mapping[int, Sequence[str]]) -> list[Entry]:
    """Return the network of some runs, and their controls, as entries.

    Args:
        results: Fold -> result of a run that classifies FOVs.
        tested: Fold -> its test FOVs; pooled numbers need those of all folds.
    """
    if not results:
        return []
    scores: dict[int, dict[str, float]] = {
        fold: {metric: result.metrics[metric] for metric in METRICS if metric in result.metrics}
        for fold, result in results.items()
    }
    counts = [result.confusion for result in results.values()]
    right = (int(sum(np.trace(count) for count in counts)), int(sum(count.sum() for count in counts)))
    once = _once(results, tested) and right[1] > 0
    network = Entry(NETWORK, NETWORK, GRAPH, scores, right if once else None)
    rows = {
        fold: [
            {CONTROL: name, ACCURACY: value, BALANCED_ACCURACY: result.controls_balanced.get(name)}
            for name, value in result.controls.items()
        ]
        for fold, result in results.items()
    }
    return [network, *controls_as_entries(rows, tested)]


def controls_as_entries(
    tables: Mapping[int, Sequence[Mapping[str, Any]]], tested: Mapping[int, Sequence[str]]
) -> list[Entry]:
    """Return controls as entries.

    Args:
        tables: Fold -> rows of `locgraph.analysis.controls.score_controls`.
        tested: Fold -> its test FOVs.
    """
    entries = []
    for name in MEANINGS:
        rows = {fold: row for fold, table in tables.items() for row in table if row[CONTROL] == name}
        if not rows:
            continue
        scores = {
            fold: {metric: row[metric] for metric in METRICS if row.get(metric) is not None}
            for fold, row in rows.items()
        }
        entry = Entry(CONTROL, name, LOCALISATIONS, scores)
        if _once(rows, tested):
            right = sum(round(row[ACCURACY] * len(tested[fold])) for fold, row in rows.items())
            entry = replace(entry, right=(right, sum(len(tested[fold]) for fold in rows)))
        entries.append(entry)
    return entries


def _once(folds: Iterable[int], tested: Mapping[int, Sequence[str]]) -> bool:
    """Return whether the test FOVs of all folds are known, and none is in two."""
    names = [name for fold in folds for name in tested.get(fold, ())]
    return bool(names) and all(tested.get(fold) for fold in folds) and len(set(names)) == len(names)


def _row(entry: Entry, metric: str) -> dict[str, Any] | None:
    values = {fold: scores[metric] for fold, scores in sorted(entry.scores.items()) if metric in scores}
    if not values:
        return None
    interval = mean_interval(list(values.values()), (0.0, 1.0))
    deviation = float(np.std(list(values.values()), ddof=1)) if len(values) > 1 else None
    row = dict(zip(_TEXTS, (entry.kind, entry.name, entry.features, metric), strict=True))
    numbers = [interval.estimate, deviation, interval.low, interval.high, None, None, None]
    if metric == ACCURACY and entry.right is not None:
        pooled = wilson_interval(*entry.right)
        numbers[4:] = [pooled.estimate, pooled.low, pooled.high]
    return {
        **row,
        "n_folds": len(values),
        **dict(zip(_NUMBERS, numbers, strict=True)),
        **{f"fold_{fold}": value for fold, value in values.items()},
    }
