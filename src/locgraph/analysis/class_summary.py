"""What each feature is like in each class, in numbers that a reader knows."""

from __future__ import annotations

from typing import Final

import polars as pl

from locgraph import schema
from locgraph.analysis.feature_table import FeatureTable

_QUARTILES: Final = {"q25": 0.25, "median": 0.5, "q75": 0.75}
COLUMNS: Final = ("feature", "unit", schema.LABEL, "n", "mean", "sd", *_QUARTILES)


def class_summary(features: FeatureTable) -> pl.DataFrame:
    """Mean, spread and quartiles of each feature by class.

    Args:
        features: Features of FOVs, or of groups; rows without a class do not count.

    Returns:
        One row for each feature and class, in the order of the features: ``COLUMNS``. ``n`` counts values;
        ``sd`` (divisor n - 1) is null for fewer than two.
    """
    table = features.labelled().table
    parts = [
        table.group_by(schema.LABEL)
        .agg(
            pl.col(name).count().cast(pl.Int64).alias("n"),
            pl.col(name).mean().alias("mean"),
            pl.col(name).std().alias("sd"),
            *(pl.col(name).quantile(value, "linear").alias(called) for called, value in _QUARTILES.items()),
        )
        .sort(schema.LABEL)
        .select(pl.lit(name).alias("feature"), pl.lit(unit).alias("unit"), pl.exclude("feature", "unit"))
        for name, unit in features.units.items()
    ]
    types = dict.fromkeys(COLUMNS, pl.Float64) | dict.fromkeys(("feature", "unit", schema.LABEL), pl.String)
    return pl.concat(parts).select(COLUMNS) if parts else pl.DataFrame(schema=types | {"n": pl.Int64})
