"""Features on one scale and without gaps, as methods that look at all of them together need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.feature_table import FeatureTable
from locgraph.stats.standardise import standardise as standardise_column


@dataclass(frozen=True)
class Standardised:
    """Features with mean 0 and standard deviation 1.

    Attributes:
        values: (N, F) float64.
        columns: The F features.
        keys: What the N rows are about: the keys of the feature table.
        left_out: Feature -> why it is not among them.
    """

    values: np.ndarray
    columns: tuple[str, ...]
    keys: pl.DataFrame
    left_out: dict[str, str]

    @property
    def targets(self) -> np.ndarray:
        """Index of the class of each row among the sorted classes (N,) int64; -1 where it has none."""
        labels = self.keys[schema.LABEL]
        names = labels.drop_nulls().unique().sort().to_list()
        return np.array([-1 if name is None else names.index(name) for name in labels], dtype=np.int64)

    def lacks(self, rows: int, columns: int = 1) -> str | None:
        """Why there is too little of it; None where there is enough.

        Args:
            rows: Rows that are needed.
            columns: Features that are needed.
        """
        if len(self.values) < rows:
            return f"needs at least {rows} rows, found {len(self.values)}"
        if len(self.columns) < columns:
            return (
                f"needs at least {columns} features that vary and have a value in each row, found {len(self.columns)}"
            )
        return None


def standardise(features: FeatureTable) -> Standardised:
    """Leaves out features with gaps and those that do not vary, and puts the others on one scale.

    A feature without a value in some row is left out as a whole, rather than filled with a value that nobody measured.

    Args:
        features: Features of FOVs, or of groups.

    Returns:
        The features with mean 0 and standard deviation 1 (divisor N).
    """
    left_out, kept, parts = {}, [], []
    rows = features.table.height
    for name in features.columns:
        column = features.table[name]
        gaps = column.null_count()
        if gaps or not rows:
            left_out[name] = f"no value in {gaps} of {rows} rows"
            continue
        scaled = standardise_column(column.to_numpy())
        if scaled is None:
            left_out[name] = f"the same value in all {rows} rows"
            continue
        kept.append(name)
        parts.append(scaled)
    table = np.stack(parts, axis=1) if parts else np.empty((rows, 0))
    return Standardised(table, tuple(kept), features.table.select(features.keys), left_out)
