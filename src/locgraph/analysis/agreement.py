"""Agreement of clusters of fields of view (FOVs), which use no classes, with the classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, silhouette_score
from sklearn.metrics.cluster import contingency_matrix

from locgraph.analysis.feature_table import FeatureTable
from locgraph.analysis.projection import standardise

COLUMNS: Final = {
    "k": pl.Int64,
    "as_classes": pl.Boolean,
    "adjusted_rand": pl.Float64,
    "nmi": pl.Float64,
    "purity": pl.Float64,
    "silhouette": pl.Float64,
    "inertia": pl.Float64,
    "reason": pl.String,
}

_STARTS: Final = 10  # k-means ends in a local optimum: the best of several starts counts


@dataclass(frozen=True)
class Agreement:
    """Agreement of clusters of FOVs and classes.

    Attributes:
        table: One row for each number of clusters: ``COLUMNS``.
        silhouette_of_classes: Mean silhouette of the rows with the classes as clusters, -1 to 1; None where there is
            none.
        n: Number of rows with a class.
        left_out: Feature -> why it was left out.
        reason: Why there is no comparison at all; None where there is.
    """

    table: pl.DataFrame
    silhouette_of_classes: float | None
    n: int
    left_out: dict[str, str]
    reason: str | None = None


def class_agreement(features: FeatureTable, ks: Sequence[int] = (2, 3, 4, 5, 6, 8, 10), seed: int = 0) -> Agreement:
    """Cluster standardised features by k-means and compare the clusters with the classes.

    Columns: ``k``, the number of clusters, and ``as_classes``, whether ``k`` is that of the classes; ``adjusted_rand``,
    0 by chance and 1 where both are the same (Hubert and Arabie 1985, 10.1007/BF01908075); ``nmi``, the mutual
    information over the mean of both entropies, which rises with ``k`` by chance; ``purity``, the fraction of the rows
    that are of the most frequent class of their cluster, which rises with ``k`` too; ``silhouette`` of the clusters, -1
    to 1 (Rousseeuw 1987, 10.1016/0377-0427(87)90125-7), which needs no classes; ``inertia``, the sum of squared
    distances to the centres. ``reason`` is why there is no result.

    Args:
        features: Features of FOVs, or of groups; rows without a class do not count.
        ks: Numbers of clusters beside that of the classes, at least 2.
        seed: Of k-means.

    Returns:
        One row for each number of clusters, ascending.
    """
    standardised = standardise(features.labelled())
    truth, n = standardised.targets, len(standardised.values)
    n_classes = len(set(truth.tolist()))
    reason = standardised.lacks(3)
    if reason is None and n_classes < 2:
        reason = "needs at least two classes"
    if reason:
        empty = pl.DataFrame(schema=COLUMNS)
        return Agreement(empty, None, n, standardised.left_out, f"agreement of clusters and classes: {reason}")
    places = len(np.unique(standardised.values, axis=0))
    rows = [_row(standardised.values, truth, k, n_classes, places, seed) for k in sorted({*ks, n_classes})]
    return Agreement(
        pl.DataFrame(rows, schema=COLUMNS), _silhouette(standardised.values, truth), n, standardised.left_out
    )


def _row(values: np.ndarray, truth: np.ndarray, k: int, n_classes: int, places: int, seed: int) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(COLUMNS) | {"k": k, "as_classes": k == n_classes}
    if places < k:
        return row | {"reason": f"{k} clusters need at least {k} different rows, found {places}"}
    fitted = KMeans(n_clusters=k, n_init=_STARTS, random_state=seed).fit(values)
    labels = fitted.labels_
    return row | {
        "adjusted_rand": float(adjusted_rand_score(truth, labels)),
        "nmi": float(normalized_mutual_info_score(truth, labels)),
        "purity": purity(truth, labels),
        "silhouette": _silhouette(values, labels),
        "inertia": float(fitted.inertia_),
    }


def purity(truth: np.ndarray, labels: np.ndarray) -> float:
    """Return the fraction of the cases that are of the most frequent class of their cluster.

    Args:
        truth: Class of each case (N,) int64.
        labels: Cluster of each (N,) int64.
    """
    return float(contingency_matrix(truth, labels).max(axis=0).sum() / len(truth))


def _silhouette(values: np.ndarray, labels: np.ndarray) -> float | None:
    """Return the mean silhouette; None where each row is a cluster of its own."""
    return None if len(np.unique(labels)) >= len(values) else float(silhouette_score(values, labels))
