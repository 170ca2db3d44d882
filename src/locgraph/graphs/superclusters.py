"""Clusters of clusters, at one scale or several, each within one of the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Protocol

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.graphs.edges import ClusterEdges, Nearest, sort_edges
from locgraph.preparation.clustering.base import centre_points, number_clusters
from locgraph.preparation.clustering.dbscan import cluster_cells, sort_into_cells

RADIUS_OF_GYRATION: Final = "radius_of_gyration"
SUPERCLUSTER_FEATURES: Final = (
    schema.Column(schema.N_CLUSTERS, pl.Float32, "1", "clusters in the supercluster", schema.LOG),
    schema.Column(schema.N_LOCALISATIONS, pl.Float32, "1", "localisations in the supercluster", schema.LOG),
    schema.Column(
        RADIUS_OF_GYRATION,
        pl.Float32,
        "nm",
        "root mean square distance of the centres of its clusters from its own, each weighted by its localisations",
    ),
)
"""Features of every supercluster node, in this order."""


class Superclusters(Protocol):
    """Contract of superclusters: groups the clusters of one view of a FOV.

    Attributes:
        edges: Joins the superclusters of one scale: positions (S, D) nm to edges.
    """

    edges: ClusterEdges

    def __call__(self, positions: np.ndarray) -> list[np.ndarray]:
        """Return the supercluster of each cluster (C,) int64, once for each scale, for positions (C, D) float64 nm.

        Superclusters are numbered 0, 1, ... by the first of their clusters, and lie within those of the next scale.
        """
        ...


class Linked:
    """Clusters whose centres are joined by a chain of steps, each at most ``scale`` long, form one supercluster.

    This is single linkage cut at ``scale``, which is DBSCAN where every point is a core point. Nothing depends on the
    order of the clusters.

    Args:
        scales_nm: Longest steps in nm, ascending; one kind of nodes for each. Larger joins more clusters.
        k: Nearest superclusters of the same scale with an edge to each one.

    Raises:
        ConfigError: There is no scale, or the scales do not ascend from above 0; or ``k`` is below 1.
    """

    def __init__(self, scales_nm: Sequence[float], k: int = 5) -> None:
        scales = tuple(scales_nm)
        ascending = all(below < above for below, above in pairwise((0.0, *scales)))
        if not scales or not ascending or not np.isfinite(scales).all():
            raise ConfigError(
                f"expected one or more lengths in nm that ascend from above 0, found {list(scales_nm)}",
                setting="scales_nm",
            )
        self.scales_nm = scales
        self.edges = Nearest(k)

    def __call__(self, positions: np.ndarray) -> list[np.ndarray]:
        """Return the supercluster of each cluster (C,) int64, for each scale, for positions (C, D) float64 nm.

        Raises:
            DataError: The positions span more than 10^14 times a scale.
        """
        points = centre_points(positions)
        return [number_clusters(_link(points, scale)) for scale in self.scales_nm]


def _link(points: np.ndarray, scale: float) -> np.ndarray:
    cells = sort_into_cells(points, scale, "scales_nm")
    return cluster_cells(cells, scale, 1)[0]


@dataclass(frozen=True)
class Scale:
    """The superclusters of one scale.

    Attributes:
        positions: Centres of mass of their localisations (S, D) float64 nm.
        features: Raw values of ``SUPERCLUSTER_FEATURES`` (S, F) float64.
        counts: Localisations in each (S,) float64.
        inside: Edges to each from the nodes of the scale below, the clusters below the first, that lie in it (2, E)
            int64, sorted by target, then source.
        near: Edges between them (2, E) int64, sorted alike.
    """

    positions: np.ndarray
    features: np.ndarray
    counts: np.ndarray
    inside: np.ndarray
    near: np.ndarray


def measure(centres: np.ndarray, counts: np.ndarray, superclusters: Superclusters) -> list[Scale]:
    """Group clusters, measure the groups, and join them by edges.

    Args:
        centres: Centres of mass of the clusters (C, D) float64 nm, C at least 1.
        counts: Localisations in each cluster (C,) float64, at least 1.
        superclusters: Groups the clusters.

    Returns:
        One entry for each scale.
    """
    scales = []
    below = np.arange(len(centres))
    for owner in superclusters(centres):
        weights = np.bincount(owner, counts)
        sums = [np.bincount(owner, counts * axis) for axis in centres.T]
        positions = np.stack(sums, axis=1) / weights[:, None]
        squares = ((centres - positions[owner]) ** 2).sum(axis=1)
        radius = np.sqrt(np.bincount(owner, counts * squares) / weights)
        scales.append(
            Scale(
                positions=positions,
                features=np.stack([np.bincount(owner), weights, radius], axis=1),
                counts=weights,
                inside=sort_edges(np.unique(np.stack([below, owner]), axis=1)),
                near=superclusters.edges(positions),
            )
        )
        below = owner
    return scales
