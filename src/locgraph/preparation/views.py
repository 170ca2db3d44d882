"""Views: several fixed versions of one FOV, each thinned and clustered anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.preparation.features.table import FeatureSet
from locgraph.settings import check_number, check_whole


@dataclass(frozen=True)
class Views:
    """Number of versions of a FOV that are stored, and their differences.

    View 0 always holds every localisation that preprocessing left. The others keep a random part of these and are
    clustered with a seed of their own, so that training sees the clustering vary and testing averages over it. The
    draws depend on ``seed``, the view and the number of localisations alone, and pick places in the order of
    `locgraph.preparation.order`: the same localisations have the same views, whatever the name of their file, the order
    of its rows, and where and how the FOV lies.

    Args:
        count: Number of views, at least 1.
        keep: Fraction of the localisations that each further view keeps, in (0, 1].
        seed: Seed of all draws, the clusterer's among them.

    Raises:
        ConfigError: ``count``, ``keep`` or ``seed`` is out of range.
    """

    count: int = 1
    keep: float = 0.8
    seed: int = 0

    def __post_init__(self) -> None:
        check_whole("count", self.count, at_least=1)
        check_number("keep", self.keep, above=0, at_most=1)
        check_whole("seed", self.seed, at_least=0)

    def rows(self, view: int, n_localisations: int) -> np.ndarray:
        """Return the rows of the ordered localisations that a view keeps.

        Args:
            view: Index of the view.
            n_localisations: Number of localisations of the FOV.

        Returns:
            Row numbers (M,) int64, ascending; at least one where the FOV has any.
        """
        if view == 0:
            return np.arange(n_localisations)
        kept = min(n_localisations, max(1, round(self.keep * n_localisations)))
        rng = np.random.default_rng([self.seed, n_localisations, view, 0])
        return np.sort(rng.choice(n_localisations, kept, replace=False))

    def cluster_seed(self, view: int, n_localisations: int) -> int:
        """Return the seed of the clusterer for one view of a FOV with a number of localisations."""
        rng = np.random.default_rng([self.seed, n_localisations, view, 1])
        return int(rng.integers(2**31))


def measure_views(
    locs: pl.DataFrame, owners: Sequence[np.ndarray], dimensions: int, features: FeatureSet
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Measure the clusters and localisations of each view; null for localisations without a cluster.

    Args:
        locs: Localisations, view after view, in each sorted by cluster: -1 first, for those without one.
        owners: Cluster of each localisation of each view.
        dimensions: 2 or 3.
        features: What is measured.

    Returns:
        Both tables with the number of the view.
    """
    of_clusters: list[dict[str, np.ndarray]] = []
    of_locs: list[pl.DataFrame] = []
    end = 0
    for own in owners:
        first, end = end, end + len(own)
        n_unclustered = int(np.searchsorted(own, 0))
        clustered = locs[first + n_unclustered : end]
        of_clusters.append(features.measure(clustered, own[n_unclustered:], dimensions))
        if features.localisations:
            measured = features.compute_localisations(clustered, own[n_unclustered:], dimensions)
            unclustered = locs[first : first + n_unclustered]
            of_locs.append(pl.concat([unclustered, measured], how="diagonal") if n_unclustered else measured)
    clusters = features.tabulate(of_clusters, dimensions)
    measured_locs = pl.concat(of_locs, how="diagonal") if of_locs else locs
    sizes = [len(measured[schema.CLUSTER_ID]) for measured in of_clusters]
    return _number_views(measured_locs, [len(own) for own in owners]), _number_views(clusters, sizes)


def _number_views(table: pl.DataFrame, sizes: Sequence[int]) -> pl.DataFrame:
    """Return a table with the number of the view behind its columns, given the number of rows of each."""
    return table.hstack([pl.Series(schema.VIEW, np.repeat(np.arange(len(sizes)), sizes), pl.Int64)])
