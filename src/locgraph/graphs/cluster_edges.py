"""Edge builders between clusters: positions (C, D) nm to ``edge_index`` (2, E)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from locgraph.errors import ConfigError
from locgraph.graphs import neighbours


class ClusterEdges(Protocol):
    """Joins the clusters of one view of a FOV."""

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """Positions (C, D) float64 nm to edge_index (2, E) int64, sorted by target, then source."""
        ...


@dataclass(frozen=True)
class Nearest:
    """Each cluster hears its k nearest clusters.

    Args:
        k: Number of neighbours, at least 1.
    """

    k: int

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ConfigError(f"graph.cluster_edges.k must be at least 1, found {self.k}")

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """Positions (C, D) float64 nm to edge_index (2, E) int64."""
        return neighbours.nearest(positions, self.k)


@dataclass(frozen=True)
class AllPairs:
    """Each cluster hears every other one: the full geometry, for FOVs of some tens of clusters.

    Args:
        limit: Largest number of clusters allowed in a FOV.
    """

    limit: int = 200

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ConfigError(f"graph.cluster_edges.limit must be at least 1, found {self.limit}")

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """Positions (C, D) float64 nm to edge_index (2, E) int64."""
        return neighbours.all_pairs(len(positions), self.limit)


@dataclass(frozen=True)
class WithinRadius:
    """Each cluster hears those whose centres lie at most ``radius_nm`` away.

    Args:
        radius_nm: Radius in nm, above 0.
        limit: Largest number of edges allowed in a FOV, each pair counted both ways.
    """

    radius_nm: float
    limit: int = 10_000_000

    def __post_init__(self) -> None:
        if not self.radius_nm > 0:
            raise ConfigError(f"graph.cluster_edges.radius_nm must be above 0, found {self.radius_nm}")
        if self.limit < 1:
            raise ConfigError(f"graph.cluster_edges.limit must be at least 1, found {self.limit}")

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """Positions (C, D) float64 nm to edge_index (2, E) int64."""
        return neighbours.within(positions, self.radius_nm, self.limit)
