"""From fields of view (FOVs) to groups: FOVs of one patient or coverslip are no independent cases, groups are."""

from __future__ import annotations

import polars as pl

from locgraph import schema
from locgraph.analysis.feature_table import N_FOVS, FeatureTable, missing_values


def group_means(features: FeatureTable) -> FeatureTable:
    """Means over the FOVs of each group, so that each group counts once however many FOVs it has.

    Args:
        features: Features of FOVs, with ``group`` and ``label``.

    Returns:
        One row for each group and class: ``group``, ``label``, ``n_fovs`` and the mean of each feature over the FOVs
        that have a value; no row where no FOV has a group. Warnings name FOVs without a group or class, which are left
        out, and groups of several classes: their rows are not independent of each other.
    """
    table = features.table
    known = table.filter(pl.col(schema.GROUP).is_not_null(), pl.col(schema.LABEL).is_not_null())
    means = (
        known.group_by(schema.GROUP, schema.LABEL)
        .agg(pl.len().cast(pl.Int64).alias(N_FOVS), *(pl.col(name).mean() for name in features.columns))
        .sort(schema.GROUP, schema.LABEL)
    )
    warnings = []
    if not known.height:
        warnings.append("no FOV has both a group and a class: there is no comparison of groups")
    elif known.height < table.height:
        lost = table.height - known.height
        warnings.append(f"{lost} of {table.height} FOVs lack a group or a class and are in no comparison of groups")
    mixed = means.group_by(schema.GROUP).len().filter(pl.col("len") > 1)[schema.GROUP].sort()
    if len(mixed):
        warnings.append(
            f"{len(mixed)} groups have FOVs of several classes, such as {', '.join(mixed.head(3))}: each class of a "
            "group counts as a case, though they are not independent"
        )
    return FeatureTable(means, features.units, (*warnings, *missing_values(means, features.columns)))
