"""Classifiers of an analysis on the same folds: rivals of a model beside its controls."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import polars as pl

from locgraph import schema
from locgraph.analysis.cross_validation import CLASSIFIER
from locgraph.analysis.results import FEATURES
from locgraph.analysis.settings import HAND_MADE
from locgraph.analysis.sweeps.outcomes import COLUMNS, MODEL, SOURCE, outcomes_of

SUFFIX: Final = " (analyse)"
"""Follows the name of a classifier of an analysis, among the controls."""
MEANING: Final = "on statistics of the cluster features, settings chosen within the training FOVs"

_FILE: Final = "classifier_predictions.csv"
_KEYS: Final = (schema.FOLD, schema.FOV_ID)


def read_rivals(folders: Iterable[Path]) -> pl.DataFrame | None:
    """Return the predictions of classifiers of cluster features, of the first folder with an analysis.

    Classifiers of learned vectors are none: they need the network.

    Args:
        folders: Of analyses, which may be absent.

    Returns:
        ``source``, ``fold``, ``fov_id``, ``truth``, ``prediction``; None where no folder has a readable analysis.
    """
    for folder in folders:
        path = folder / _FILE
        try:
            table = pl.read_csv(path, glob=False, infer_schema_length=None)
            return (
                table.filter(pl.col(FEATURES) == HAND_MADE)
                .with_columns(pl.format(f"{{}}{SUFFIX}", CLASSIFIER).alias(SOURCE))
                .select(
                    pl.col(SOURCE),
                    pl.col(schema.FOLD).cast(pl.Int64),
                    pl.col(schema.FOV_ID, schema.TRUTH, schema.PREDICTION).cast(pl.String),
                )
            )
        except (OSError, pl.exceptions.PolarsError):
            continue
    return None


def rival_outcomes(outcomes: pl.DataFrame, predictions: pl.DataFrame | None) -> pl.DataFrame:
    """Return the outcomes of classifiers that were tested on the same FOVs of the same folds as the model.

    Args:
        outcomes: Of the model, with names and groups of FOVs.
        predictions: From `read_rivals`.

    Returns:
        A table of outcomes; empty where there are no predictions, or of other folds.
    """
    model = outcomes.filter(pl.col(SOURCE) == MODEL)
    if predictions is None or model.is_empty() or model[schema.FOV_ID].is_null().any():
        return pl.DataFrame(schema=COLUMNS)
    tests = model.select(_KEYS)
    groups = dict(model.select(schema.FOV_ID, schema.GROUP).iter_rows())
    parts = []
    for (name,), table in predictions.group_by(SOURCE, maintain_order=True):
        shared = tests.join(table, on=_KEYS, how="inner")
        if shared.height == tests.height and shared.height == table.filter(_in_folds(tests)).height:
            parts.append(outcomes_of(shared, str(name), groups))
    return pl.concat(parts) if parts else pl.DataFrame(schema=COLUMNS)


def _in_folds(tests: pl.DataFrame) -> pl.Expr:
    return pl.col(schema.FOLD).is_in(tests[schema.FOLD].unique().to_list())
