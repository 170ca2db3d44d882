"""DBSCAN over a grid of radii and numbers: where neither the number of clusters nor their members change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from sklearn.metrics import adjusted_rand_score

from locgraph.analysis.scales.regions import Region
from locgraph.preparation.clustering.dbscan import DBSCAN
from locgraph.schema import NOISE

_EDGE: Final = 0.95
"""Quantile of the distances from the centre of a cluster that counts as its radius: robust to single localisations."""


@dataclass(frozen=True)
class Scan:
    """Clusterings of the same regions with all pairs of settings.

    Attributes:
        eps: Radii in nm (E,), at equal ratios.
        min_samples: Numbers (M,).
        clusters: Clusters of each region, on average (E, M).
        noise: Part of the localisations in no cluster (E, M).
        largest: Part of the clustered localisations in the largest cluster, median over regions (E, M).
        diameter: Median diameter of the clusters in nm (E, M); NaN without clusters.
        agreement: Adjusted Rand index with the next radius (E - 1, M), mean over regions weighed by localisations.
    """

    eps: np.ndarray
    min_samples: tuple[int, ...]
    clusters: np.ndarray
    noise: np.ndarray
    largest: np.ndarray
    diameter: np.ndarray
    agreement: np.ndarray


def scan(regions: Sequence[Region], eps: np.ndarray, min_samples: Sequence[int]) -> Scan:
    """Cluster regions with all pairs of settings.

    The adjusted Rand index (Hubert and Arabie 1985, 10.1007/BF01908075) is over the localisations that are in a cluster
    with either setting, noise counting as a cluster for each, so that much noise alone is no agreement.

    Args:
        regions: What is clustered.
        eps: Radii in nm (E,), ascending.
        min_samples: Numbers (M,), ascending.
    """
    shape = (len(eps), len(min_samples))
    sums = {name: np.zeros(shape) for name in ("clusters", "noise")}
    largest = np.full((len(regions), *shape), np.nan)
    diameters: list[list[list[np.ndarray]]] = [[[] for _ in min_samples] for _ in eps]
    agreement = np.zeros((shape[0] - 1, shape[1]))
    total = sum(len(region.points) for region in regions)
    for place, region in enumerate(regions):
        weight = len(region.points) / total
        before: list[np.ndarray] = []
        for row, radius in enumerate(eps.tolist()):
            labels = [DBSCAN(radius, number, backend="cpu")(region.points, 0) for number in min_samples]
            for column, each in enumerate(labels):
                sums["clusters"][row, column] += (each.max(initial=NOISE) + 1) / len(regions)
                sums["noise"][row, column] += (each == NOISE).mean() * weight
                sizes = np.bincount(each[each >= 0])
                if len(sizes):
                    largest[place, row, column] = sizes.max() / sizes.sum()
                    diameters[row][column].append(cluster_diameters(region.points, each))
                if row:
                    agreement[row - 1, column] += weight * _agree(before[column], each)
            before = labels
    return Scan(
        eps,
        tuple(min_samples),
        sums["clusters"],
        sums["noise"],
        np.array([[_median(largest[:, row, column]) for column in range(shape[1])] for row in range(shape[0])]),
        np.array([[_median(np.concatenate(part)) if part else np.nan for part in row] for row in diameters]),
        agreement,
    )


def cluster_diameters(points: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the diameter of each cluster in the focal plane (C,) nm: twice the radius that holds 95 % of it.

    Args:
        points: Positions (N, D) nm.
        labels: Clusters (N,) from 0; -1 is noise.
    """
    order = np.argsort(labels, kind="stable")
    order = order[np.searchsorted(labels[order], 0) :]
    flat, owner = points[order, :2], labels[order]
    sizes = np.bincount(owner)
    centres = np.column_stack([np.bincount(owner, weights=axis) for axis in flat.T]) / sizes[:, None]
    away = np.linalg.norm(flat - centres[owner], axis=1)
    ranked = away[np.lexsort((away, owner))]
    places = np.cumsum(sizes) - sizes + np.ceil(_EDGE * sizes).astype(int) - 1
    return 2 * ranked[places]


def _agree(first: np.ndarray, second: np.ndarray) -> float:
    either = (first >= 0) | (second >= 0)
    return float(adjusted_rand_score(_alone(first[either]), _alone(second[either]))) if either.any() else 1.0


def _alone(labels: np.ndarray) -> np.ndarray:
    """Return labels in which each noise point is a cluster of its own."""
    noise = labels == NOISE
    alone = labels.copy()
    alone[noise] = labels.max(initial=NOISE) + 1 + np.arange(int(noise.sum()))
    return alone


def _median(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float("nan")
