"""A chosen set of features, measured on the clusters of one table."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import ConfigError, DataError
from locgraph.features.base import Feature
from locgraph.features.grouping import Groups


class FeatureSet:
    """Features by name; the columns of the cluster table in their order.

    Args:
        features: Name (as in the configuration) to feature.

    Raises:
        ConfigError: There is no feature, an entry is none, or two of them give a column of the same name.
    """

    def __init__(self, features: Mapping[str, Feature]) -> None:
        if not features:
            raise ConfigError("features expected at least one feature, found none; choose one in the group features")
        for name, feature in features.items():
            if not isinstance(feature, Feature):
                raise ConfigError(
                    f"features.{name} expected an object with needs, columns and compute, found {feature!r}"
                )
        self.features = dict(features)
        for dimensions in (2, 3):
            self._check_names(dimensions)

    def _check_names(self, dimensions: int) -> None:
        owners = {schema.CLUSTER_ID: "the cluster table itself"}
        for name, feature in self.features.items():
            for column in feature.columns(dimensions):
                if column.name in owners:
                    raise ConfigError(
                        f"features.{name} gives the column {column.name!r}, which {owners[column.name]} gives as well; "
                        "leave one of them out"
                    )
                owners[column.name] = f"features.{name}"

    @property
    def needs(self) -> tuple[str, ...]:
        """Localisation columns that the features read besides the positions, each once."""
        return tuple(dict.fromkeys(need for feature in self.features.values() for need in feature.needs))

    def columns(self, dimensions: int) -> tuple[schema.Column, ...]:
        """Columns of all features in 2 or 3 dimensions, without ``cluster_id``."""
        return tuple(column for feature in self.features.values() for column in feature.columns(dimensions))

    def compute(self, locs: pl.DataFrame, labels: np.ndarray, dimensions: int) -> pl.DataFrame:
        """Measures the clusters of one view of one FOV.

        Args:
            locs: Clustered localisations (N rows) with positions in nm and the columns of :attr:`needs`.
            labels: Cluster of each row (N,) integer; 0 to C - 1, each at least once.
            dimensions: 2 or 3.

        Returns:
            One row for each cluster in the order of their numbers: ``cluster_id``, then the features' columns.

        Raises:
            DataError: A column is missing, a position is not finite, or a cluster number is negative or missing.
        """
        positions = schema.position_columns(dimensions)
        absent = [name for name in (*positions, *self.needs) if name not in locs.columns]
        if absent:
            raise DataError(
                f"features expected the columns {absent}, found {locs.columns}; "
                "name them in columns.names, or choose other features"
            )
        points = np.column_stack([locs[name].cast(pl.Float64).to_numpy() for name in positions])
        groups = Groups.from_labels(points, labels, {name: locs[name].to_numpy() for name in self.needs})
        table = {schema.CLUSTER_ID: pl.Series(np.arange(len(groups.counts)), dtype=pl.Int64)}
        for feature in self.features.values():
            values = feature.compute(groups)
            for column in feature.columns(dimensions):
                table[column.name] = pl.Series(values[column.name]).cast(column.dtype)
        return pl.DataFrame(table)
