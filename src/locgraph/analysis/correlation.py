"""Which features say the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from locgraph.analysis.feature_table import FeatureTable
from locgraph.analysis.standardised import standardise
from locgraph.stats.correlation import pearson_matrix, spearman_matrix

COLUMNS: Final = {
    "feature_a": pl.String,
    "feature_b": pl.String,
    "pearson": pl.Float64,
    "spearman": pl.Float64,
    "n": pl.Int64,
}
FEWEST: Final = 3
"""Rows below which every correlation is -1 or 1."""


@dataclass(frozen=True)
class Correlations:
    """Correlations of each pair of features, over all rows whatever their class.

    Attributes:
        columns: The F features that could be compared.
        pearson: (F, F) float64, of the values: how well a straight line fits (Pearson 1895, 10.1098/rspl.1895.0041).
        spearman: (F, F) float64, of the ranks: any rising or falling relation (Spearman 1904, 10.2307/1412159).
        order: Indices of the features (F,) int64 so that those with similar ranks lie beside each other.
        n: Number of rows.
        left_out: Feature -> why it is not among them.
        reason: Why there are no correlations; None where there are.
    """

    columns: tuple[str, ...]
    pearson: np.ndarray
    spearman: np.ndarray
    order: np.ndarray
    n: int
    left_out: dict[str, str]
    reason: str | None = None

    def table(self) -> pl.DataFrame:
        """One row for each pair, in the order for display: ``COLUMNS``, with ``n`` the rows."""
        rows = [
            (self.columns[a], self.columns[b], float(self.pearson[a, b]), float(self.spearman[a, b]), self.n)
            for place, a in enumerate(self.order)
            for b in self.order[place + 1 :]
        ]
        return pl.DataFrame(rows, schema=COLUMNS, orient="row")


def correlations(features: FeatureTable) -> Correlations:
    """Correlates all features with each other.

    Classes that differ make features correlate that do not within a class: this is about which features stand for each
    other in telling classes apart, not about causes.

    Args:
        features: Features of FOVs, or of groups.

    Returns:
        Both matrices, and an order for display by hierarchical clustering: average linkage of 1 - |Spearman's rho|,
        leaves as Bar-Joseph et al. (2001, 10.1093/bioinformatics/17.suppl_1.s22) order them.
    """
    found = standardise(features)
    n, size = len(found.values), len(found.columns)
    reason = found.lacks(FEWEST)
    if reason:
        empty = np.empty((0, 0))
        return Correlations((), empty, empty, np.empty(0, dtype=np.int64), n, found.left_out, reason)
    pearson, spearman = pearson_matrix(found.values), spearman_matrix(found.values)
    return Correlations(found.columns, pearson, spearman, _order(spearman, size), n, found.left_out)


def _order(matrix: np.ndarray, size: int) -> np.ndarray:
    if size < 3:
        return np.arange(size)
    distances = np.clip(1 - np.abs(matrix), 0.0, None)
    np.fill_diagonal(distances, 0.0)
    tree = linkage(squareform(distances, checks=False), method="average", optimal_ordering=True)
    return leaves_list(tree).astype(np.int64)
