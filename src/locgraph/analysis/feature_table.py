"""Tables of features of fields of view (FOVs), or of groups of them: what statistics compare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import polars as pl

from locgraph import schema
from locgraph.errors import DataError

N_FOVS: Final = "n_fovs"
KEYS: Final = (schema.FOV_ID, schema.GROUP, schema.LABEL, N_FOVS)
"""Columns that identify a row; all others are features."""


@dataclass(frozen=True)
class FeatureTable:
    """One row for each FOV, or for each group and class.

    Attributes:
        table: Some of ``KEYS``, ``label`` among them (null where unknown), and one Float64 column for each feature;
            null where there is no value.
        units: Feature -> unit, in the order of the columns.
        warnings: What is missing, left out or cannot be compared.
    """

    table: pl.DataFrame
    units: Mapping[str, str]
    warnings: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        expected = {schema.LABEL, *self.units}
        missing = sorted(expected - set(self.table.columns))
        clash = sorted(set(KEYS) & set(self.units))
        if missing or clash:
            raise DataError(
                f"features: expected a table with label and all features, none of them called like {list(KEYS)}; "
                f"missing {missing}, clash {clash}"
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """The features."""
        return tuple(self.units)

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that identify a row."""
        return tuple(name for name in self.table.columns if name in KEYS)

    def select(self, columns: Iterable[str]) -> FeatureTable:
        """Return the same rows with some of the features.

        Raises:
            DataError: A feature is not there.
        """
        columns = list(columns)
        missing = [name for name in columns if name not in self.units]
        if missing:
            raise DataError(f"features: expected some of {list(self.columns)}, found {missing}")
        units = {name: self.units[name] for name in columns}
        return replace(self, table=self.table.select(*self.keys, *columns), units=units)

    def labelled(self) -> FeatureTable:
        """Return the rows whose class is known."""
        return replace(self, table=self.table.filter(pl.col(schema.LABEL).is_not_null()))


def feature_table(
    rows: pl.DataFrame, units: Mapping[str, str], fovs: pl.DataFrame, warnings: Iterable[str] = ()
) -> FeatureTable:
    """Join features with the class and group of each FOV.

    Args:
        rows: ``fov_id`` and the features.
        units: Feature -> unit.
        fovs: ``fov_id``, ``label`` and ``group``, as a manifest has them.
        warnings: Those of ``rows``.

    Returns:
        One row for each FOV that is in both, sorted by ``fov_id``, and a warning about those that are in ``fovs``
        alone, those without a class, and features that have no value somewhere.
    """
    known = fovs.select(schema.FOV_ID, schema.GROUP, schema.LABEL)
    values = [pl.col(name).cast(pl.Float64) for name in units]
    wanted = [pl.when(value.is_finite()).then(value) for value in values]
    table = known.join(rows.select(schema.FOV_ID, *wanted), on=schema.FOV_ID, how="inner").sort(schema.FOV_ID)
    notes = list(warnings)
    absent = known.height - table.height
    if absent:
        notes.append(f"{absent} of {known.height} FOVs have no features and are left out")
    unlabelled = table[schema.LABEL].null_count()
    if unlabelled:
        notes.append(f"{unlabelled} of {table.height} FOVs have no class and are in no comparison of classes")
    notes += missing_values(table, units)
    return FeatureTable(table, dict(units), tuple(notes))


def missing_values(table: pl.DataFrame, columns: Iterable[str]) -> list[str]:
    """Return a warning for each column without a value in some rows."""
    counts = {name: table[name].null_count() for name in columns}
    return [f"{name} has no value in {count} of {table.height} rows" for name, count in counts.items() if count]


def classes_of(table: pl.DataFrame) -> tuple[str, ...]:
    """Return the classes of the rows, sorted."""
    return tuple(table[schema.LABEL].drop_nulls().unique().sort())


def group_means(features: FeatureTable) -> FeatureTable:
    """Return means over the FOVs of each group: FOVs of one patient or coverslip are no independent cases, groups are.

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
