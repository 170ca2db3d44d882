"""Summary of explanations over FOVs: the features of clusters with high scores, class by class.

Every number is computed within a FOV and then averaged over FOVs with equal weights: scores are comparable only within
one FOV and explainer, and the clusters of a FOV are not independent of each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.stats.intervals import t_half_width

N_FOVS: Final = "n_fovs"
N_CLASSES: Final = "n_classes"
MEAN: Final = "mean"
WEIGHTED_MEAN: Final = "weighted_mean"
EFFECT: Final = "effect"
CORRELATION: Final = "correlation"
ATTRIBUTION: Final = "attribution"
LOW: Final = "_low"
HIGH: Final = "_high"
_COUNTED: Final = "_counted"
_DEVIATION: Final = "_deviation"
ETA_ALL: Final = "eta_squared_all"
ETA_WEIGHTED: Final = "eta_squared_weighted"

_GROUP: Final = (schema.EXPLAINER, schema.EXPLAINED_CLASS)
_ONE_FOV: Final = (*_GROUP, schema.FOLD, schema.FOV_ID)
_KEYS: Final = (schema.FOV_ID, schema.CLUSTER_ID)
_NO_FEATURES: Final = {*_KEYS, schema.VIEW, *schema.centre_columns(3)}
_NO_FOLD: Final = -1
_ROUNDING: Final = 1e-9


def cluster_table(clusters: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Join the cluster tables of many FOVs.

    Args:
        clusters: ``fov_id`` -> its table, of one view or all of them.

    Returns:
        The clusters of view 0 of all FOVs, with ``fov_id``; a column that a FOV lacks is null there.

    Raises:
        DataError: There is no FOV.
    """
    if not clusters:
        raise DataError("expected the cluster tables of at least one FOV, found none: explain some FOVs first")
    tables = [
        (table.filter(pl.col(schema.VIEW) == 0) if schema.VIEW in table.columns else table).select(
            pl.lit(fov_id).alias(schema.FOV_ID), pl.all()
        )
        for fov_id, table in clusters.items()
    ]
    return pl.concat(tables, how="diagonal_relaxed")


def explained_features(
    attributions: pl.DataFrame, clusters: pl.DataFrame, features: Sequence[str] | None = None
) -> pl.DataFrame:
    """Return which features the clusters have that speak for a class.

    Args:
        attributions: Columns of `schema.ATTRIBUTION_COLUMNS`.
        clusters: The clusters of the FOVs, as `cluster_table` joins them.
        features: Columns of ``clusters``; None takes all numbers but positions and keys.

    Returns:
        One row for each explainer, explained class and feature, ``n_fovs`` of which:

        - ``mean``: mean over all clusters of a FOV; ``weighted_mean``: mean over its clusters weighted by their score
          where that is positive; both averaged over FOVs, in the unit of the feature. FOVs without a positive score
          have no weighted mean.
        - ``effect``: weighted less plain mean of the same FOV, in standard deviations of the feature over all clusters
          of these FOVs: above 0 where clusters with high scores have more of it.
        - ``correlation``: Spearman's, of score and feature over the clusters of a FOV, in [-1, 1].
        - ``attribution``: score of the feature itself over the sum of the absolute scores of all features of the FOV,
          in [-1, 1]; null where the explainer scores no features.

        The last three also with ``_low`` and ``_high``, the ends of Student's 95 % interval over FOVs, cut where the
        value has bounds; null with fewer than two FOVs. Undefined values, as for a constant feature, are null.

    Raises:
        DataError: There is no score of clusters, a scored cluster is not among ``clusters``, or a feature is not.
    """
    scored, names = _joined(attributions, clusters, features)
    values = pl.col(names)
    deviation = scored.group_by(_GROUP).agg(pl.when(values.max() > values.min()).then(values.std()))
    per_fov = (
        _per_fov(scored, names)
        .join(
            deviation.unpivot(index=_GROUP, variable_name=schema.FEATURE, value_name=_DEVIATION),
            on=[*_GROUP, schema.FEATURE],
            how="left",
        )
        .with_columns(((pl.col(WEIGHTED_MEAN) - pl.col(MEAN)) / pl.col(_DEVIATION)).alias(EFFECT))
        .join(_shares(attributions), on=[*_ONE_FOV, schema.FEATURE], how="left")
    )
    with_interval = (EFFECT, CORRELATION, ATTRIBUTION)
    table = per_fov.group_by(*_GROUP, schema.FEATURE, maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias(N_FOVS),
        pl.col(MEAN, WEIGHTED_MEAN, *with_interval).mean(),
        pl.col(with_interval).count().name.suffix(_COUNTED),
        pl.col(with_interval).std().name.suffix(_DEVIATION),
    )
    intervals = [*_interval(table, EFFECT), *_interval(table, CORRELATION, 1.0), *_interval(table, ATTRIBUTION, 1.0)]
    names = [*_GROUP, schema.FEATURE, N_FOVS, MEAN, WEIGHTED_MEAN]
    return table.select(*names, *intervals)


def class_separation(
    attributions: pl.DataFrame, clusters: pl.DataFrame, features: Sequence[str] | None = None
) -> pl.DataFrame:
    """Return how well each feature separates the explained classes, over all clusters and over those with high scores.

    Args:
        attributions: Columns of `schema.ATTRIBUTION_COLUMNS`.
        clusters: The clusters of the FOVs, as `cluster_table` joins them.
        features: Columns of ``clusters``; None takes all numbers but positions and keys.

    Returns:
        One row for each explainer and feature: ``n_fovs``, ``n_classes``, and eta squared in [0, 1], the part of the
        variance between FOVs that lies between classes: ``eta_squared_all`` of the means over all clusters,
        ``eta_squared_weighted`` of those weighted by positive score. The second is above the first where the explainer
        scores those clusters high in which the classes differ more than elsewhere. Null with one class, or no
        variance. With few FOVs in each class both are large by chance alone.

    Raises:
        DataError: As `explained_features`.

    Source: Fisher 1925, "Statistical methods for research workers" (the correlation ratio).
    """
    scored, names = _joined(attributions, clusters, features)
    per_fov = _per_fov(scored, names).filter(pl.col(WEIGHTED_MEAN).is_not_null())
    group = [schema.EXPLAINER, schema.FEATURE]
    of_class = [
        pl.col(name).mean().over([*group, schema.EXPLAINED_CLASS]).alias(f"{name}_of_class")
        for name in (MEAN, WEIGHTED_MEAN)
    ]
    return (
        per_fov.with_columns(of_class)
        .group_by(group, maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64).alias(N_FOVS),
            pl.col(schema.EXPLAINED_CLASS).n_unique().cast(pl.Int64).alias(N_CLASSES),
            _eta_squared(MEAN).alias(ETA_ALL),
            _eta_squared(WEIGHTED_MEAN).alias(ETA_WEIGHTED),
        )
    )


def _joined(
    attributions: pl.DataFrame, clusters: pl.DataFrame, features: Sequence[str] | None
) -> tuple[pl.DataFrame, list[str]]:
    """Return scores of clusters beside their features, where not finite as null; and the names of the features."""
    scores = _level(attributions, schema.CLUSTER).select(*_ONE_FOV, schema.CLUSTER_ID, schema.SCORE)
    if scores.is_empty():
        raise DataError("expected scores of clusters, found none in the attributions: explain some FOVs first")
    names = _feature_names(clusters) if features is None else list(features)
    absent = [name for name in names if name not in clusters.columns]
    if absent or not names:
        raise DataError(f"expected the features {absent or 'of clusters'}, found the columns {clusters.columns}")
    missing = scores.join(clusters, on=_KEYS, how="anti")
    if missing.height:
        fovs = missing[schema.FOV_ID].unique().sort().head(10).to_list()
        raise DataError(
            f"expected the features of every scored cluster, found none for {missing.height} scores of "
            f"{', '.join(fovs)}: use the tables that the graphs were made of, or explain again"
        )
    values = pl.col(names).cast(pl.Float64)
    finite = clusters.select(*_KEYS, pl.when(values.is_finite()).then(values))
    return scores.join(finite, on=_KEYS, how="left", maintain_order="left"), names


def _level(attributions: pl.DataFrame, level: str) -> pl.DataFrame:
    """Return the scores of one level; a null fold becomes -1, since nulls never match in a join."""
    return attributions.filter(pl.col(schema.LEVEL) == level).with_columns(pl.col(schema.FOLD).fill_null(_NO_FOLD))


def _feature_names(clusters: pl.DataFrame) -> list[str]:
    return [name for name, kind in clusters.schema.items() if kind.is_numeric() and name not in _NO_FEATURES]


def _per_fov(scored: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Return plain mean, weighted mean and correlation for each explanation of a FOV and feature."""
    weight = pl.col(schema.SCORE).clip(lower_bound=0)
    of_one = {
        MEAN: lambda name: pl.col(name).mean(),
        WEIGHTED_MEAN: lambda name: (
            (weight * pl.col(name)).sum() / _positive_sum(weight.filter(pl.col(name).is_not_null()))
        ),
        CORRELATION: _rank_correlation,
    }
    keys = [*_ONE_FOV, schema.FEATURE]
    tables = [
        scored.group_by(_ONE_FOV, maintain_order=True)
        .agg(make(name).alias(name) for name in names)
        .unpivot(index=_ONE_FOV, variable_name=schema.FEATURE, value_name=statistic)
        for statistic, make in of_one.items()
    ]
    first, *others = tables
    for table in others:
        first = first.join(table, on=keys, how="left", maintain_order="left")
    return first


def _rank_correlation(name: str) -> pl.Expr:
    """Return Spearman's correlation of score and feature; null where one of them is constant."""
    known = pl.col(name).is_not_null()
    ranks = pl.col(schema.SCORE).filter(known).rank(), pl.col(name).filter(known).rank()
    return pl.when((ranks[0].n_unique() > 1) & (ranks[1].n_unique() > 1)).then(pl.corr(*ranks))


def _shares(attributions: pl.DataFrame) -> pl.DataFrame:
    """Return scores of features over the sum of their sizes, for each explanation of a FOV."""
    scores = _level(attributions, schema.FEATURE)
    size = pl.col(schema.SCORE).abs().sum().over(_ONE_FOV)
    share = pl.when(size > 0).then(pl.col(schema.SCORE) / size)
    return scores.select(*_ONE_FOV, schema.FEATURE, share.alias(ATTRIBUTION))


def _positive_sum(values: pl.Expr) -> pl.Expr:
    """Return a sum, null where it is not above 0."""
    return pl.when(values.sum() > 0).then(values.sum())


def _interval(table: pl.DataFrame, name: str, bound: float | None = None) -> list[pl.Series]:
    """Return mean and Student's 95 % interval of the values that exist, cut at -``bound`` and ``bound``."""
    n = table[name + _COUNTED].to_numpy()
    # a single value has no standard deviation, and so no interval
    half = pl.Series(t_half_width(table[name + _DEVIATION].to_numpy(), np.maximum(n, 2))).fill_nan(None)
    ends = table[name] - half, table[name] + half
    low, high = ends if bound is None else (end.clip(-bound, bound) for end in ends)
    return [table[name], low.alias(name + LOW), high.alias(name + HIGH)]


def _eta_squared(name: str) -> pl.Expr:
    """Return the variance of the means of the classes over that of the FOVs; null with one class or no variance."""
    centre = pl.col(name).mean()
    total = (pl.col(name) - centre).pow(2).sum()
    between = (pl.col(f"{name}_of_class") - centre).pow(2).sum()
    # rounding errors of a constant are no variance
    varies = total > (_ROUNDING * pl.col(name).abs().max()).pow(2) * pl.len()
    return pl.when(varies & (pl.col(schema.EXPLAINED_CLASS).n_unique() > 1)).then((between / total).clip(0, 1))
