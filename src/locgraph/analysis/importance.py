"""Permutation importance of features: the loss of balanced accuracy on test FOVs when a feature is shuffled.

Breiman 2001, 10.1023/A:1010933404324, on test FOVs, which neither scaling nor tuning has used. Statistics of one
feature, such as its mean and its median, are redundant, so that shuffling one of them alone may change nothing: they
are also shuffled together.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph.analysis.cross_validation import CLASSIFIER, CrossValidation, Fold, overlap_of_folds
from locgraph.stats.intervals import mean_interval
from locgraph.stats.metrics import balanced_accuracy

STATISTIC: Final = "statistic"
"""Level of a single column."""
TOGETHER: Final = "feature"
"""Level of all statistics of a feature."""


@dataclass(frozen=True)
class Block:
    """Columns that are shuffled together.

    Attributes:
        level: `STATISTIC` or `TOGETHER`.
        name: Of the column, or of the feature.
        columns: The columns.
    """

    level: str
    name: str
    columns: tuple[str, ...]


def blocks(columns: Sequence[str], feature_of: Mapping[str, str]) -> list[Block]:
    """Return every column alone, and the columns of each feature together.

    Args:
        columns: The columns.
        feature_of: Column -> feature; one that is absent is a feature of its own.
    """
    together: dict[str, list[str]] = {}
    for column in columns:
        together.setdefault(feature_of.get(column, column), []).append(column)
    alone = [Block(STATISTIC, column, (column,)) for column in columns]
    return alone + [Block(TOGETHER, name, tuple(several)) for name, several in together.items()]


def drop(
    pipeline: Any,
    values: np.ndarray,
    labels: np.ndarray,
    columns: np.ndarray,
    repeats: int,
    generator: np.random.Generator,
) -> float:
    """Return the mean loss of balanced accuracy when some columns are shuffled together over the rows.

    Args:
        pipeline: A fitted classifier that predicts class names.
        values: (N, F) float64 of test FOVs.
        labels: True classes (N,).
        columns: (C,) int64, columns to shuffle.
        repeats: Number of shuffles.
        generator: Source of the permutations.

    Returns:
        The loss; negative where shuffling helps by chance.
    """
    n_rows = len(values)
    copies = np.tile(values, (repeats, 1))
    for repeat in range(repeats):
        rows = slice(repeat * n_rows, (repeat + 1) * n_rows)
        copies[rows, columns] = values[generator.permutation(n_rows)][:, columns]
    # one call for all copies: a forest takes as long for one row as for hundreds
    predicted = pipeline.predict(copies).reshape(repeats, n_rows)
    whole = balanced_accuracy(labels, pipeline.predict(values))
    return whole - float(np.mean([balanced_accuracy(labels, names) for names in predicted]))


def importance(
    results: CrossValidation,
    folds: Sequence[Fold],
    feature_of: Mapping[str, str],
    repeats: int,
    seed: int,
) -> pl.DataFrame:
    """Return the importance of each column and each feature for each classifier, over folds.

    Args:
        results: Fitted classifiers.
        folds: Their folds; all of them with the same columns.
        feature_of: Column -> the feature that it is a statistic of.
        repeats: Number of shuffles in each fold, at least 1.
        seed: Of the shuffling.

    Returns:
        One row for each classifier, level and name, the most important first within classifier and level:
        ``classifier``, ``level``, ``name``, ``importance`` (loss of balanced accuracy, mean over folds),
        ``interval_low``, ``interval_high`` (95 %, `mean_interval`), ``n_folds``, ``fold_<index>``.
    """
    rows = []
    by_index = {fold.index: fold for fold in folds if len(fold.test_rows)}
    overlap = overlap_of_folds(folds)
    for name in dict.fromkeys(classifier for classifier, _ in results.fits):
        fits = {index: fitted for (owner, index), fitted in results.fits.items() if owner == name and index in by_index}
        if not fits:
            continue
        columns = by_index[next(iter(fits))].samples.columns
        for block in blocks(columns, feature_of):
            places = np.array([columns.index(column) for column in block.columns])
            values = {
                index: drop(
                    fitted.pipeline,
                    by_index[index].samples.values[by_index[index].test_rows],
                    by_index[index].samples.labels[by_index[index].test_rows],
                    places,
                    repeats,
                    # one for each block, so that a result does not depend on the other blocks
                    np.random.default_rng([seed, index, zlib.crc32(f"{block.level}/{block.name}".encode())]),
                )
                for index, fitted in fits.items()
            }
            over_folds = _over_folds(values, overlap)
            rows.append({CLASSIFIER: name, "level": block.level, "name": block.name, **over_folds})
    return _table(rows, sorted(by_index))


def _over_folds(values: Mapping[int, float], overlap: float) -> dict[str, Any]:
    interval = mean_interval(list(values.values()), overlap)
    ends = {"interval_low": interval.low, "interval_high": interval.high, "n_folds": len(values)}
    return {"importance": interval.estimate, **ends, **{f"fold_{fold}": value for fold, value in values.items()}}


def _table(rows: Sequence[Mapping[str, Any]], folds: Sequence[int]) -> pl.DataFrame:
    numbers = ["importance", "interval_low", "interval_high"]
    types = {
        **dict.fromkeys((CLASSIFIER, "level", "name"), pl.String),
        **dict.fromkeys(numbers, pl.Float64),
        "n_folds": pl.Int64,
        **{f"fold_{fold}": pl.Float64 for fold in folds},
    }
    order = list(dict.fromkeys(row[CLASSIFIER] for row in rows))
    place = pl.col(CLASSIFIER).replace_strict(order, range(len(order)), return_dtype=pl.Int64)
    table = pl.DataFrame(list(rows), schema=types)
    return table.sort(place, "level", "importance", "name", descending=[False, False, True, False]) if rows else table
