"""Which test FOVs each method of some runs classifies correctly, and intervals of scores and differences from it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.controls import CONTROL
from locgraph.analysis.sweeps.runs import FoldResult
from locgraph.data.folds import TEST
from locgraph.errors import DataError
from locgraph.run_folder import CONTROL_PREDICTIONS, PREDICTIONS, RunFolder
from locgraph.stats.intervals import Interval, joined, mean_interval
from locgraph.stats.metrics import ACCURACY, BALANCED_ACCURACY, METRICS
from locgraph.stats.pooled import FEWEST_GROUPS, few_groups, pooled_accuracy, pooled_difference

MODEL: Final = "model"
SOURCE: Final = "source"
CORRECT: Final = "correct"
COLUMNS: Final = {
    SOURCE: pl.String,
    schema.FOLD: pl.Int64,
    schema.FOV_ID: pl.String,
    schema.GROUP: pl.String,
    schema.TRUTH: pl.String,
    CORRECT: pl.Float64,
}
"""Columns of outcomes: one row for each method, fold and test FOV; ``correct`` is a mean over seeds. ``fov_id``,
``group`` and ``truth`` are null where they are not known."""

_POOLED: Final = (ACCURACY, BALANCED_ACCURACY)


def read_outcomes(results: Mapping[int, Sequence[FoldResult]]) -> pl.DataFrame:
    """Return the outcomes of models and controls.

    They come from the predictions in the run folders; where there are none, counts take their place, without names.
    Outcomes of localisations are left out: those of one FOV are not independent.

    Args:
        results: Fold -> its runs, one for each seed.

    Returns:
        A table with `COLUMNS`.
    """
    parts = [
        _of_run(result).with_columns(pl.lit(fold, pl.Int64).alias(schema.FOLD)).select(*COLUMNS)
        for fold, runs in results.items()
        for result in runs
        if not result.of_localisations
    ]
    return _over_seeds(pl.concat(parts)) if parts else pl.DataFrame(schema=COLUMNS)


def outcomes_of(predictions: pl.DataFrame, source: str, groups: Mapping[str, str | None]) -> pl.DataFrame:
    """Return the outcomes of one method.

    Args:
        predictions: ``fold``, ``fov_id``, ``truth`` and ``prediction`` of its test FOVs.
        source: Its name.
        groups: Group of each FOV.
    """
    known = pl.DataFrame(
        {schema.FOV_ID: list(groups), schema.GROUP: list(groups.values())},
        schema={name: COLUMNS[name] for name in (schema.FOV_ID, schema.GROUP)},
    )
    right = (pl.col(schema.TRUTH) == pl.col(schema.PREDICTION)).cast(pl.Float64).alias(CORRECT)
    table = predictions.drop(schema.GROUP, strict=False)
    table = table.join(known, on=schema.FOV_ID, how="left", maintain_order="left")
    return table.with_columns(right, pl.lit(source).alias(SOURCE)).select(*COLUMNS).cast(pl.Schema(COLUMNS))


def score_interval_of(metric: str, by_fold: Mapping[int, float], overlap: float, outcomes: pl.DataFrame) -> Interval:
    """Return the mean of a metric over folds with its 95 % interval.

    For accuracies it holds both the corrected interval over folds (`mean_interval`) and that of all test FOVs
    (`pooled_accuracy`), so that folds which agree by chance leave the uncertainty of the number of FOVs; for others it
    is that over folds alone. With fewer than `FEWEST_GROUPS` groups there is none.

    Args:
        metric: Name of the metric.
        by_fold: Fold -> value.
        overlap: n_test / n_train of a fold.
        outcomes: Of this method; no rows where they are not known.
    """
    over_folds = mean_interval(list(by_fold.values()), overlap, (0.0, 1.0 if metric in METRICS else math.inf))
    table = outcomes.filter(pl.col(schema.FOLD).is_in(list(by_fold)))
    if _n_groups(table) < FEWEST_GROUPS and _grouped(table):
        return Interval(over_folds.estimate, None, None, few_groups(_n_groups(table)))
    if metric not in _POOLED or not _covers(table, by_fold, metric):
        return over_folds
    pooled = pooled_accuracy(table[CORRECT].to_numpy(), *columns_of(table), balanced=metric == BALANCED_ACCURACY)
    return joined(over_folds.estimate, [over_folds, pooled])


def difference_interval_of(
    metric: str, by_fold: Mapping[int, float], overlap: float, first: pl.DataFrame, second: pl.DataFrame
) -> Interval:
    """Return the mean difference of two methods over folds with its 95 % interval; see `score_interval_of`.

    Args:
        metric: Name of the metric.
        by_fold: Fold -> value of the first less that of the second.
        overlap: n_test / n_train of a fold.
        first: Outcomes of the first.
        second: Outcomes of the second.
    """
    over_folds = mean_interval(list(by_fold.values()), overlap, (-1.0, 1.0) if metric in METRICS else None)
    known = [each.filter(pl.col(schema.FOLD).is_in(list(by_fold))) for each in (first, second)]
    for table in known:
        if _grouped(table) and _n_groups(table) < FEWEST_GROUPS:
            return Interval(over_folds.estimate, None, None, few_groups(_n_groups(table)))
    both = known[0].join(known[1], on=[schema.FOLD, schema.FOV_ID], how="inner", suffix="_2")
    if metric not in _POOLED or both.height < known[0].height or not _covers(both, by_fold, metric):
        return over_folds
    differences = (both[CORRECT] - both[f"{CORRECT}_2"]).to_numpy()
    pooled = pooled_difference(differences, *columns_of(both), balanced=metric == BALANCED_ACCURACY)
    return joined(over_folds.estimate, [over_folds, pooled])


def overlap_of(results: Sequence[FoldResult]) -> float:
    """Return n_test / n_train of a fold, validation FOVs counted as training ones; the mean over runs.

    Where runs do not record their numbers, it is that of k folds of equal size, 1 / (k - 1).
    """
    known = [each.n_test / each.n_train for each in results if each.n_test and each.n_train]
    if known:
        return float(np.mean(known))
    n_folds = max([each.n_folds or 0 for each in results] + [len({each.fold for each in results})], default=0)
    return 1 / (n_folds - 1) if n_folds > 1 else 0.0


def columns_of(table: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return classes, FOVs and groups; a FOV without group is a group of its own where others have one."""
    names = pl.coalesce(schema.FOV_ID, pl.format("row {}", pl.int_range(pl.len())))
    columns = table.select(
        pl.col(schema.TRUTH).fill_null(""), names.alias("name"), pl.coalesce(schema.GROUP, names).alias("owner")
    )
    truth, fovs, owners = (np.asarray(columns[name].to_numpy()) for name in columns.columns)
    return truth, fovs, owners if _grouped(table) else None


def _grouped(table: pl.DataFrame) -> bool:
    return not table[schema.GROUP].is_null().all()


def _n_groups(table: pl.DataFrame) -> int:
    return table[schema.GROUP].drop_nulls().n_unique() + table[schema.GROUP].null_count()


def _covers(table: pl.DataFrame, folds: Mapping[int, float], metric: str) -> bool:
    """Return whether outcomes of all folds are known, with their classes where the metric needs them."""
    named = metric == ACCURACY or not table[schema.TRUTH].is_null().any()
    return not table.is_empty() and set(table[schema.FOLD]) == set(folds) and named


def _over_seeds(outcomes: pl.DataFrame) -> pl.DataFrame:
    """Average over the runs of one fold, so that a FOV counts once however many seeds were trained."""
    named = outcomes.filter(pl.col(schema.FOV_ID).is_not_null())
    mean = named.group_by(SOURCE, schema.FOLD, schema.FOV_ID, maintain_order=True).agg(
        pl.col(schema.GROUP, schema.TRUTH).first(), pl.col(CORRECT).mean()
    )
    return pl.concat([mean.select(*COLUMNS), outcomes.filter(pl.col(schema.FOV_ID).is_null())])


def _of_run(result: FoldResult) -> pl.DataFrame:
    run = RunFolder(result.folder)
    predictions, controls = _table(run, PREDICTIONS), _table(run, CONTROL_PREDICTIONS)
    groups: dict[str, str | None] = {}
    if predictions is None:
        parts = [_from_confusion(result)]
    else:
        tested = predictions.filter(pl.col(schema.SPLIT) == TEST)
        if schema.GROUP in tested.columns:
            groups = dict(tested.select(schema.FOV_ID, schema.GROUP).iter_rows())
        parts = [outcomes_of(tested, MODEL, groups)]
    if controls is None:
        n_test = int(result.confusion.sum())
        parts += [_from_counts(name, round(value * n_test), n_test, None) for name, value in result.controls.items()]
    else:
        fold = pl.lit(result.fold, pl.Int64).alias(schema.FOLD)
        parts += [
            outcomes_of(table.with_columns(fold), str(name), groups)
            for (name,), table in controls.group_by(CONTROL, maintain_order=True)
        ]
    return pl.concat(parts)


def _table(run: RunFolder, name: str) -> pl.DataFrame | None:
    """Return a table of a run; None where there is none or it is damaged, as a summary is of what there is."""
    try:
        return run.table(name)
    except DataError:
        return None


def _from_confusion(result: FoldResult) -> pl.DataFrame:
    right, total = np.diag(result.confusion), result.confusion.sum(axis=1)
    parts = [
        _from_counts(MODEL, int(right[place]), int(total[place]), name) for place, name in enumerate(result.class_names)
    ]
    return pl.concat(parts)


def _from_counts(source: str, right: int, total: int, truth: str | None) -> pl.DataFrame:
    correct = [1.0] * right + [0.0] * (total - right)
    columns = {SOURCE: [source] * total, schema.TRUTH: [truth] * total, CORRECT: correct}
    absent = dict.fromkeys((schema.FOLD, schema.FOV_ID, schema.GROUP), [None] * total)
    return pl.DataFrame(columns | absent, schema={name: COLUMNS[name] for name in (*columns, *absent)}).select(*COLUMNS)
