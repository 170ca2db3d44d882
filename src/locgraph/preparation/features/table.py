"""A chosen set of features, measured on the clusters and localisations of one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import ConfigError, DataError
from locgraph.preparation.features.base import Feature, Groups, LocalisationFeature


class FeatureSet:
    """Features by name; the columns of the cluster table in their order, and further ones of the localisation table.

    Args:
        features: Name (as in the configuration) to feature of clusters.
        localisations: Name to feature of localisations; None is the same as none.

    Raises:
        ConfigError: There is no feature of clusters, an entry is no feature, or two give a column of the same name.
    """

    def __init__(
        self, features: Mapping[str, Feature], localisations: Mapping[str, LocalisationFeature] | None = None
    ) -> None:
        if not features:
            raise ConfigError("expected at least one feature, found none", setting="features")
        self.features = dict(features)
        self.localisations = dict(localisations or {})
        for name, feature in self.features.items():
            if not isinstance(feature, Feature):
                raise ConfigError(
                    f"expected an object with needs, columns and compute, found {feature!r}", setting=f"features.{name}"
                )
        for name, by_localisation in self.localisations.items():
            if not isinstance(by_localisation, LocalisationFeature):
                raise ConfigError(
                    f"expected an object with needs, columns and measure, found {by_localisation!r}",
                    setting=f"localisations.{name}",
                )
        for dimensions in (2, 3):
            self._check_names(dimensions)

    def _check_names(self, dimensions: int) -> None:
        owners = dict.fromkeys((schema.CLUSTER_ID, schema.VIEW), "the cluster table itself")
        for name, feature in self.features.items():
            _claim(f"features.{name}", feature.columns(dimensions), owners)
        # units are kept by name for both tables together, so that names of clusters count here too
        owners = dict.fromkeys(schema.LOCALISATION_COLUMNS, "the localisation table itself") | owners
        for name, by_localisation in self.localisations.items():
            _claim(f"localisations.{name}", by_localisation.columns(dimensions), owners)

    @property
    def needs(self) -> tuple[str, ...]:
        """Return the localisation columns that the features read besides the positions, each once."""
        chosen: tuple[Feature | LocalisationFeature, ...] = (*self.features.values(), *self.localisations.values())
        return tuple(dict.fromkeys(need for feature in chosen for need in feature.needs))

    def columns(self, dimensions: int) -> tuple[schema.Column, ...]:
        """Return the columns of all features of clusters in 2 or 3 dimensions, without ``cluster_id``."""
        return tuple(column for feature in self.features.values() for column in feature.columns(dimensions))

    def localisation_columns(self, dimensions: int) -> tuple[schema.Column, ...]:
        """Return the columns of all features of localisations in 2 or 3 dimensions."""
        return tuple(column for feature in self.localisations.values() for column in feature.columns(dimensions))

    def compute(self, locs: pl.DataFrame, labels: np.ndarray, dimensions: int) -> pl.DataFrame:
        """Measure the clusters of one view of one FOV, as :meth:`measure`, and return them as a table.

        Returns:
            One row for each cluster in the order of their numbers: ``cluster_id``, then the features' columns.
        """
        return self.tabulate([self.measure(locs, labels, dimensions)], dimensions)

    def measure(self, locs: pl.DataFrame, labels: np.ndarray, dimensions: int) -> dict[str, np.ndarray]:
        """Measure the clusters of one view of one FOV.

        Args:
            locs: Clustered localisations (N rows) with positions in nm and the columns of :attr:`needs`.
            labels: Cluster of each row (N,) integer; 0 to C - 1, each at least once.
            dimensions: 2 or 3.

        Returns:
            ``cluster_id`` and the features' columns -> values (C,), in the order of the numbers of the clusters.

        Raises:
            DataError: A column is missing, a position or needed value is not finite, or a cluster number is negative or
                missing.
        """
        groups = self._groups(locs, labels, dimensions)
        values: dict[str, np.ndarray] = {schema.CLUSTER_ID: np.arange(len(groups.counts))}
        for feature in self.features.values():
            values |= feature.compute(groups)
        return values

    def tabulate(self, views: Sequence[Mapping[str, np.ndarray]], dimensions: int) -> pl.DataFrame:
        """Return what :meth:`measure` returned of one view or several, at least one, as one table."""
        columns = {schema.CLUSTER_ID: pl.Int64} | {column.name: column.dtype for column in self.columns(dimensions)}
        joined = {name: np.concatenate([np.asarray(view[name]) for view in views]) for name in columns}
        return pl.DataFrame([pl.Series(name, values).cast(columns[name]) for name, values in joined.items()])

    def compute_localisations(self, locs: pl.DataFrame, labels: np.ndarray, dimensions: int) -> pl.DataFrame:
        """Measure the localisations of one view of one FOV.

        Args:
            locs: As for :meth:`compute`.
            labels: As for :meth:`compute`.
            dimensions: 2 or 3.

        Returns:
            ``locs`` in the same order, with the columns of the localisation features behind its own; ``locs`` itself
            where there are none.

        Raises:
            DataError: As :meth:`compute`.
        """
        if not self.localisations:
            return locs
        groups = self._groups(locs, labels, dimensions)
        added = []
        for feature in self.localisations.values():
            values = feature.measure(groups)
            for column in feature.columns(dimensions):
                in_rows = np.empty(len(groups.order))
                in_rows[groups.order] = values[column.name]
                added.append(pl.Series(column.name, in_rows).cast(column.dtype))
        return locs.with_columns(added)

    def _groups(self, locs: pl.DataFrame, labels: np.ndarray, dimensions: int) -> Groups:
        positions = schema.position_columns(dimensions)
        absent = [name for name in (*positions, *self.needs) if name not in locs.columns]
        if absent:
            raise DataError(
                f"features expected the columns {absent}, found {locs.columns}; "
                "name them in the columns, or choose other features"
            )
        points = np.column_stack([locs[name].cast(pl.Float64).to_numpy() for name in positions])
        bad = [name for name in self.needs if not _is_complete(locs[name])]
        if bad:
            raise DataError(
                f"features expected finite values in the columns {bad}, found missing, NaN or infinite ones; "
                "leave these rows out, or choose other features"
            )
        return Groups.from_labels(points, labels, {name: locs[name].to_numpy() for name in self.needs})


def _is_complete(values: pl.Series) -> bool:
    return values.null_count() == 0 and (not values.dtype.is_float() or bool(values.is_finite().all()))


def _claim(name: str, columns: tuple[schema.Column, ...], owners: dict[str, str]) -> None:
    """Enter the feature ``name`` as owner of these columns; refuse those that have one."""
    for column in columns:
        if column.name in owners:
            raise ConfigError(
                f"gives the column {column.name!r}, which {owners[column.name]} gives as well; leave one of them out",
                setting=name,
            )
        owners[column.name] = name
