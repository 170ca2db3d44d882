"""Curves of probabilities over all thresholds: receiver operating characteristic, precision and recall, reliability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl
from sklearn.metrics import precision_recall_curve, roc_curve

from locgraph import schema
from locgraph.stats.calibration import calibration_of

CLASS: Final = "class"
FALSE_POSITIVE_RATE: Final = "false positive rate"
TRUE_POSITIVE_RATE: Final = "true positive rate"
RECALL: Final = "recall"
PRECISION: Final = "precision"
CONFIDENCE: Final = "confidence"
FRACTION_RIGHT: Final = "fraction right"
CURVE: Final = "curve"


def roc_points(predictions: pl.DataFrame, class_names: Sequence[str]) -> pl.DataFrame:
    """Return the receiver operating characteristic of each class against the rest.

    Args:
        predictions: Columns ``truth`` and ``p_<class>``; rows without truth do not count.
        class_names: The K classes.

    Returns:
        `CLASS`, `FALSE_POSITIVE_RATE` and `TRUE_POSITIVE_RATE`, from (0, 0) to (1, 1); nothing of a class that no case
        has, or that all have.
    """
    tables = [
        _points(name, {FALSE_POSITIVE_RATE: curve[0], TRUE_POSITIVE_RATE: curve[1]})
        for name, is_class, probability in _one_against_rest(predictions, class_names)
        for curve in [roc_curve(is_class, probability)]
    ]
    return pl.concat([_empty(CLASS, FALSE_POSITIVE_RATE, TRUE_POSITIVE_RATE), *tables])


def precision_recall_points(predictions: pl.DataFrame, class_names: Sequence[str]) -> pl.DataFrame:
    """Return precision over recall of each class against the rest.

    Args:
        predictions: Columns ``truth`` and ``p_<class>``; rows without truth do not count.
        class_names: The K classes.

    Returns:
        `CLASS`, `RECALL` and `PRECISION`, by rising recall; nothing of a class that no case has, or that all have.
    """
    tables = [
        _points(name, {RECALL: curve[1][::-1], PRECISION: curve[0][::-1]})
        for name, is_class, probability in _one_against_rest(predictions, class_names)
        for curve in [precision_recall_curve(is_class, probability)]
    ]
    return pl.concat([_empty(CLASS, RECALL, PRECISION), *tables])


def reliability_points(predictions: pl.DataFrame, class_names: Sequence[str]) -> pl.DataFrame:
    """Return the fraction of right predictions over their mean confidence in bins, with the diagonal beside it.

    Args:
        predictions: Columns ``truth`` and ``p_<class>``; rows without truth do not count.
        class_names: The K classes.

    Returns:
        `CURVE` (``model`` or ``perfect``), `CONFIDENCE` and `FRACTION_RIGHT`.

    Raises:
        DataError: There is no case with a truth; see `calibration_of`.
    """
    bins = calibration_of(predictions, class_names).bins
    model = {CONFIDENCE: [one.confidence for one in bins], FRACTION_RIGHT: [one.accuracy.estimate for one in bins]}
    perfect = {CONFIDENCE: [0.0, 1.0], FRACTION_RIGHT: [0.0, 1.0]}
    rows = [
        {CURVE: name, **dict(zip(points, row, strict=True))}
        for name, points in (("model", model), ("perfect", perfect))
        for row in zip(*points.values(), strict=True)
    ]
    return pl.DataFrame(rows, schema=_empty(CURVE, CONFIDENCE, FRACTION_RIGHT).schema)


def _one_against_rest(
    predictions: pl.DataFrame, class_names: Sequence[str]
) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return name, whether cases have it (N,), and its probability (N,), of each class that some cases have."""
    known = predictions.filter(pl.col(schema.TRUTH).is_not_null())
    cases = [
        (name, (known[schema.TRUTH] == name).to_numpy(), known[schema.PROBABILITY_PREFIX + name].to_numpy())
        for name in class_names
    ]
    return [case for case in cases if case[1].any() and not case[1].all()]


def _points(name: str, columns: dict[str, np.ndarray]) -> pl.DataFrame:
    table = pl.DataFrame({key: np.asarray(values, dtype=np.float64) for key, values in columns.items()})
    return table.select(pl.lit(name).alias(CLASS), pl.all())


def _empty(line: str, *columns: str) -> pl.DataFrame:
    return pl.DataFrame(schema={line: pl.String, **dict.fromkeys(columns, pl.Float64)})
