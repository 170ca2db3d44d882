"""Fields of view (FOVs) as rows of numbers with their classes: what classifiers learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.feature_table import FeatureTable
from locgraph.errors import DataError
from locgraph.stats.standardise import varies

_SHOWN = 5


@dataclass(frozen=True)
class Samples:
    """Labelled FOVs, sorted by name, and their numbers, sorted by name: the order of a table changes no result.

    Attributes:
        fov_ids: Names (N,).
        columns: Names of the numbers (F,).
        values: (N, F) float64; NaN where a FOV lacks a number.
        labels: Class names (N,) of type str.
        groups: Groups (N,) of type str; None where FOVs have none.
    """

    fov_ids: tuple[str, ...]
    columns: tuple[str, ...]
    values: np.ndarray
    labels: np.ndarray
    groups: np.ndarray | None

    @classmethod
    def of(cls, features: FeatureTable) -> Samples:
        """Takes the FOVs whose class is known.

        Args:
            features: Features of FOVs, one row for each; groups count only where every FOV has one.

        Raises:
            DataError: A FOV is named twice, there is no feature, or no FOV has a class.
        """
        known = features.labelled().table.sort(schema.FOV_ID)
        if not features.columns or known.is_empty():
            raise DataError(
                f"expected FOVs with classes and features, found {known.height} FOVs with a class and "
                f"{len(features.columns)} features: see labels and features"
            )
        twice = known.filter(pl.col(schema.FOV_ID).is_duplicated())[schema.FOV_ID].unique().sort()
        if len(twice):
            raise DataError(f"expected one row for each FOV, found several of {', '.join(twice.head(_SHOWN))}")
        columns = tuple(sorted(features.columns))
        values = known.select(pl.col(name).cast(pl.Float64) for name in columns).to_numpy().astype(np.float64)
        grouped = schema.GROUP in known.columns and known[schema.GROUP].null_count() == 0
        return cls(
            fov_ids=tuple(known[schema.FOV_ID].to_list()),
            columns=columns,
            values=np.where(np.isfinite(values), values, np.nan),
            labels=np.array(known[schema.LABEL].to_list(), dtype=str),
            groups=np.array(known[schema.GROUP].to_list(), dtype=str) if grouped else None,
        )

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes there are, sorted."""
        return tuple(np.unique(self.labels).tolist())

    def rows(self, fov_ids: Sequence[str]) -> np.ndarray:
        """Rows (M,) int64 of some FOVs, sorted; those that are not here are left out."""
        place = {name: row for row, name in enumerate(self.fov_ids)}
        return np.array(sorted(place[name] for name in fov_ids if name in place), dtype=np.int64)

    def gaps(self) -> dict[str, int]:
        """Columns in which FOVs lack a number, and how many do."""
        counts = np.isnan(self.values).sum(axis=0)
        return {name: int(count) for name, count in zip(self.columns, counts, strict=True) if count}

    def constant(self) -> tuple[str, ...]:
        """Columns that say nothing: the same number for every FOV, or none."""
        return tuple(name for name, same in zip(self.columns, ~varies(self.values), strict=True) if same)
