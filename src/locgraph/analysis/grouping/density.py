"""Algorithms that find groups as dense regions, and leave the units between them without a group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from scipy.sparse import csr_matrix
from sklearn import cluster
from sklearn.neighbors import NearestNeighbors

from locgraph.analysis.grouping.algorithms import Partition, check_rows
from locgraph.errors import DataError
from locgraph.settings import check_choice, check_number, check_whole

LEAST_GROUP: Final = 5
_PART: Final = 0.02
EXCESS_OF_MASS, LEAF = "eom", "leaf"


@dataclass
class Dbscan:
    """DBSCAN (Ester et al. 1996): groups of one density.

    Args:
        eps: Radius of a neighbourhood in units of the matrix; None takes the knee of the distances to the
            ``min_samples``-th neighbour (Satopaa et al. 2011, 10.1109/ICDCSW.2011.20).
        min_samples: Units in the neighbourhood of one within a group, itself included.
        most_rows: Memory may grow with the square of the rows.
    """

    eps: float | None = None
    min_samples: int = 5
    most_rows: int | None = 20_000
    needs_number: ClassVar[bool] = False
    takes_connections: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.eps is not None:
            check_number("eps", self.eps, above=0)
        check_whole("min_samples", self.min_samples, at_least=2)
        check_rows(self.most_rows)

    def partition(
        self, values: np.ndarray, n_groups: int | None, seed: int, connections: csr_matrix | None = None
    ) -> Partition:
        """Group rows; see `locgraph.analysis.grouping.algorithms.Grouper`. Nothing is random."""
        eps = self._knee(values) if self.eps is None else self.eps
        labels = cluster.DBSCAN(eps=eps, min_samples=self.min_samples).fit(values).labels_.astype(np.int64)
        return Partition(
            labels, None, () if self.eps is not None else (f"eps is {eps:.3g}, the knee of the distances",)
        )

    def _knee(self, values: np.ndarray) -> float:
        # the row itself is one of the samples, and not among its neighbours
        others = min(self.min_samples, len(values)) - 1
        return knee(np.sort(NearestNeighbors(n_neighbors=others).fit(values).kneighbors()[0][:, -1]))


def knee(distances: np.ndarray) -> float:
    """Return the value of a rising curve that is farthest below the straight line between its ends.

    Args:
        distances: (n,) float64, ascending.

    Raises:
        DataError: All distances are 0.
    """
    span = distances[-1] - distances[0]
    if distances[-1] <= 0:
        raise DataError("expected units at different places, found none; give eps", setting="eps")
    if span <= 0:
        return float(distances[-1])
    heights = (distances - distances[0]) / span
    return float(max(distances[np.argmax(np.linspace(0, 1, len(distances)) - heights)], span * 1e-9))


@dataclass
class Hdbscan:
    """HDBSCAN (Campello et al. 2015, 10.1145/2733381): groups of different densities.

    Args:
        min_group_size: Smallest group; None: 2 % of the rows, at least 5.
        min_samples: Neighbours that density is measured by; larger leaves out more units. None: ``min_group_size``.
        selection: ``eom``: the most persistent groups; ``leaf``: the smallest.
        most_rows: Time grows with the square of the rows where there are many columns.
    """

    min_group_size: int | None = None
    min_samples: int | None = None
    selection: str = EXCESS_OF_MASS
    most_rows: int | None = 10_000
    needs_number: ClassVar[bool] = False
    takes_connections: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for name in ("min_group_size", "min_samples"):
            if getattr(self, name) is not None:
                check_whole(name, getattr(self, name), at_least=2 if name == "min_group_size" else 1)
        check_choice("selection", self.selection, (EXCESS_OF_MASS, LEAF))
        check_rows(self.most_rows)

    def partition(
        self, values: np.ndarray, n_groups: int | None, seed: int, connections: csr_matrix | None = None
    ) -> Partition:
        """Group rows; see `locgraph.analysis.grouping.algorithms.Grouper`. Nothing is random."""
        smallest = self.min_group_size or max(LEAST_GROUP, round(_PART * len(values)))
        samples = self.min_samples or smallest
        if max(smallest, samples) > len(values):
            raise DataError(
                f"expected at least as many units as the smallest group has, {max(smallest, samples)}, found "
                f"{len(values)}",
                setting="min_group_size" if smallest > len(values) else "min_samples",
            )
        fitted = cluster.HDBSCAN(
            min_cluster_size=smallest, min_samples=samples, cluster_selection_method=self.selection, copy=True
        ).fit(values)
        return Partition(fitted.labels_.astype(np.int64), fitted.probabilities_.astype(np.float64))
