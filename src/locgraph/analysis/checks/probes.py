"""Probes: how well single numbers and the acquisition batch name the class, on the folds of a run or sweep."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import CategoricalNB
from sklearn.tree import DecisionTreeClassifier

from locgraph import schema
from locgraph.analysis.checks.acquisition import MEASURES, measure_fovs
from locgraph.analysis.checks.check import Check
from locgraph.analysis.checks.vector_probes import GROUP, probe_vectors
from locgraph.analysis.source import Source
from locgraph.analysis.sweeps.outcomes import MODEL, SOURCE, outcomes_of, overlap_of, read_outcomes, score_interval_of
from locgraph.data.folds import Split
from locgraph.errors import DataError
from locgraph.stats.intervals import Interval
from locgraph.stats.metrics import BALANCED_ACCURACY, balanced_accuracy

CLASS: Final = "class"
TOGETHER: Final = "together"
NETWORK: Final = "network"
COLUMNS: Final = {
    "known": pl.String,
    "asked": pl.String,
    "metric": pl.String,
    "value": pl.Float64,
    "interval_low": pl.Float64,
    "interval_high": pl.Float64,
    "chance": pl.Float64,
    "p": pl.Float64,
    "n_fovs": pl.Int64,
}
"""One row for each probe: what is known (``network``, a number, ``group``, ``vector``) and what is asked (``class``,
``group``, a number); ``chance`` is the score without what is known, ``p`` that of a permutation test where there is
one."""

_LEAF: Final = 5
_INNER_FOLDS: Final = 5
_MATCHED: Final = ("count", "density", "precision")

_Fit = Callable[[np.ndarray, np.ndarray], Any]


def probe_confounders(source: Source) -> Check:
    """Ask what else than the shape of structures names the class, and what else the learned vectors hold.

    A small decision tree (a forest for all numbers together) is trained on one number of the training and validation
    FOVs of each fold, each class of the same weight, and tested on its test FOVs. It takes no order or scale of the
    number for granted. How well the group names the class is asked of new FOVs of known groups.

    Args:
        source: Tables, folds and vectors of a run or sweep that classifies FOVs.

    Returns:
        A table with `COLUMNS` and one sentence for each row.

    Raises:
        DataError: No test FOV with a class is in the tables.
    """
    tested = {fold: source.plan[fold] for fold in source.results if fold in source.plan}
    labelled = source.manifest.table.filter(pl.col(schema.LABEL).is_not_null())
    fovs, failed = measure_fovs(source.tables, labelled)
    known = set(fovs[schema.FOV_ID])
    if not any(name in known for split in tested.values() for name in split.test):
        raise DataError(
            f"{source.folder}: expected test FOVs with classes in {source.tables}, found none; give the folder of the "
            "tables of these runs"
        )
    warnings = [f"{len(failed)} FOVs are left out, such as {failed[0]}"] if failed else []
    of_numbers, absent = _probe_numbers(fovs, tested)
    rows = [_network(source), *of_numbers]
    warnings += [f"{', '.join(absent)}: not in the tables, or the same for every FOV"] if absent else []
    of_group, reason = _probe_group(fovs)
    rows += of_group
    warnings += [reason] if reason else []
    of_vectors, reasons = probe_vectors(fovs, source.vectors)
    rows, warnings = rows + of_vectors, [*warnings, *reasons]
    table = pl.DataFrame(rows, schema=COLUMNS)
    return Check(table, tuple(describe(row) for row in table.to_dicts()), tuple(warnings))


def _network(source: Source) -> dict[str, Any]:
    """Return the row of the network itself, beside which the others are read."""
    results = dict(source.results)
    outcomes = read_outcomes({fold: [result] for fold, result in results.items()}).filter(pl.col(SOURCE) == MODEL)
    by_fold = {fold: result.metrics[BALANCED_ACCURACY] for fold, result in results.items()}
    interval = score_interval_of(BALANCED_ACCURACY, by_fold, overlap_of([*results.values()]), outcomes)
    n_classes = max(int((result.confusion.sum(axis=1) > 0).sum()) for result in results.values())
    return _row(NETWORK, interval, 1 / n_classes, int(sum(result.confusion.sum() for result in results.values())))


def _probe_numbers(fovs: pl.DataFrame, plan: Mapping[int, Split]) -> tuple[list[dict[str, Any]], list[str]]:
    """Return a row for each number, and the names of those that are not known or do not vary."""
    usable = [name for name in MEASURES if fovs[name].null_count() == 0 and fovs[name].n_unique() > 1]
    rows = [_probe(fovs, plan, name, [name], _fit_tree) for name in usable]
    if len(usable) > 1:
        rows.append(_probe(fovs, plan, TOGETHER, usable, _fit_forest))
    return rows, [name for name in MEASURES if name not in usable]


def _fit_tree(values: np.ndarray, labels: np.ndarray) -> Any:
    _, sizes = np.unique(labels, return_counts=True)
    leaf = max(1, min(_LEAF, int(sizes.min()) // 2))
    return DecisionTreeClassifier(class_weight="balanced", min_samples_leaf=leaf, random_state=0).fit(values, labels)


def _fit_forest(values: np.ndarray, labels: np.ndarray) -> Any:
    forest = RandomForestClassifier(60, class_weight="balanced", random_state=0, n_jobs=1)
    return forest.fit(values, labels)


def _probe(
    fovs: pl.DataFrame, plan: Mapping[int, Split], name: str, columns: Sequence[str], fit: _Fit
) -> dict[str, Any]:
    by_fold: dict[int, float] = {}
    parts, overlaps = [], []
    for fold, split in plan.items():
        train = fovs.filter(pl.col(schema.FOV_ID).is_in([*split.train, *split.val]))
        test = fovs.filter(pl.col(schema.FOV_ID).is_in(list(split.test)))
        if train.is_empty() or test.is_empty():
            continue
        model = fit(train.select(columns).to_numpy(), train[schema.LABEL].to_numpy())
        predicted = model.predict(test.select(columns).to_numpy())
        by_fold[fold] = balanced_accuracy(test[schema.LABEL].to_numpy(), predicted)
        overlaps.append(test.height / train.height)
        parts.append(
            test.select(
                pl.lit(fold, pl.Int64).alias(schema.FOLD),
                schema.FOV_ID,
                pl.col(schema.LABEL).alias(schema.TRUTH),
                pl.Series(schema.PREDICTION, predicted.astype(str)),
            )
        )
    groups = dict(fovs.select(schema.FOV_ID, schema.GROUP).iter_rows())
    tests = pl.concat(parts)
    outcomes = outcomes_of(tests, name, groups)
    interval = score_interval_of(BALANCED_ACCURACY, by_fold, float(np.mean(overlaps)), outcomes)
    return _row(name, interval, 1 / tests[schema.TRUTH].n_unique(), tests[schema.FOV_ID].n_unique())


def _probe_group(fovs: pl.DataFrame) -> tuple[list[dict[str, Any]], str]:
    """Return how well the group names the class of new FOVs of known groups, or why that is not known."""
    if fovs[schema.GROUP].is_null().any():
        some = fovs[schema.GROUP].null_count() < fovs.height
        which = "some FOVs have no group" if some else "FOVs have no groups"
        return [], f"acquisition batch: {which}, so that it was not asked whether the day or the sample names the class"
    _, codes = np.unique(fovs[schema.GROUP].to_numpy().astype(str), return_inverse=True)
    labels = fovs[schema.LABEL].to_numpy().astype(str)
    if codes.max() == 0:
        return [], "acquisition batch: all FOVs are of one group, which cannot name a class"
    smallest = int(np.unique(labels, return_counts=True)[1].min())
    if min(smallest, int(np.bincount(codes).max())) < 2:
        return [], "acquisition batch: each group or some class has a single FOV, so that none is left to test"
    splitter = StratifiedKFold(min(_INNER_FOLDS, smallest), shuffle=True, random_state=0)
    predicted = np.empty_like(labels)
    for train, test in splitter.split(codes, labels):
        # each class counts alike; smoothing makes an unknown group guess
        model = CategoricalNB(alpha=1e-3, fit_prior=False, min_categories=int(codes.max()) + 1)
        predicted[test] = model.fit(codes[train, None], labels[train]).predict(codes[test, None])
    table = pl.DataFrame(
        {
            schema.FOLD: np.zeros(len(labels), dtype=np.int64),
            schema.FOV_ID: fovs[schema.FOV_ID],
            schema.TRUTH: labels,
            schema.PREDICTION: predicted,
        }
    )
    # of known groups: what is left to chance are the FOVs
    outcomes = outcomes_of(table, GROUP, {})
    score = {0: balanced_accuracy(labels, predicted)}
    interval = score_interval_of(BALANCED_ACCURACY, score, 0.0, outcomes)
    return [_row(GROUP, interval, 1 / len(np.unique(labels)), len(labels))], ""


def _row(known: str, interval: Interval, chance: float, n_fovs: int) -> dict[str, Any]:
    return {
        "known": known,
        "asked": CLASS,
        "metric": BALANCED_ACCURACY,
        "value": interval.estimate,
        "interval_low": interval.low,
        "interval_high": interval.high,
        "chance": chance,
        "n_fovs": n_fovs,
    }


def describe(row: Mapping[str, Any]) -> str:
    """Return one row of a table of probes as a sentence."""
    if row["known"] == NETWORK:
        return f"The network names the class with a balanced accuracy of {_score(row)}."
    if row["asked"] == CLASS:
        return f"{_subject(row['known'])} the class with a balanced accuracy of {_score(row)}; {_verdict(row)}."
    if row["asked"] == GROUP:
        held = row["p"] is not None and row["p"] <= 0.05
        verdict = "the batch is in it" if held else "no more than chance could do"
        return (
            f"Within classes the learned vector names the group with a balanced accuracy of {row['value']:.3f}, "
            f"{row['chance']:.3f} without it (p = {row['p']:.2g}): {verdict}."
        )
    held = row["interval_low"] is not None and row["interval_low"] > 0
    verdict = "it is in the vector" if held else "no more than chance could do"
    return (
        f"Within classes the learned vector predicts the logarithm of {MEASURES[row['asked']].words} with R^2 "
        f"{_score(row, 2)}: {verdict}."
    )


def _subject(known: str) -> str:
    if known == TOGETHER:
        return "All these numbers together name"
    words = "the acquisition batch (group)" if known == GROUP else MEASURES[known].words
    return f"{words[0].upper()}{words[1:]} alone names"


def _score(row: Mapping[str, Any], digits: int = 3) -> str:
    low, high = row["interval_low"], row["interval_high"]
    interval = "" if low is None or high is None else f" (95 % interval {low:.{digits}f} to {high:.{digits}f})"
    return f"{row['value']:.{digits}f}{interval}"


def _verdict(row: Mapping[str, Any]) -> str:
    chance = f"chance is {row['chance']:.3f}"
    if row["interval_low"] is None:
        return f"{chance}, and there is no interval"
    if row["interval_low"] <= row["chance"]:
        return f"{chance}, which it may be"
    if row["known"] in _MATCHED:
        return f"{chance}, so that a network could use it: test at equal values with study.matched"
    if row["known"] == GROUP:
        return f"{chance}, so that class and batch are confounded: test on groups left out (fold=leave_group_out)"
    return f"{chance}, so that a network could use it"
