"""How well rows lie in their groups: silhouettes, distances to the means, medoids."""

from __future__ import annotations

from typing import Final

import numpy as np
from sklearn.metrics import pairwise_distances_chunked

MOST_REFERENCES: Final = 2000
"""Rows that silhouettes are measured against; of more a random choice, the same number from each group."""

_CHUNK_MIB: Final = 64


def silhouettes(values: np.ndarray, labels: np.ndarray, seed: int, most: int = MOST_REFERENCES) -> np.ndarray:
    """Return the silhouette of each row (Rousseeuw 1987, 10.1016/0377-0427(87)90125-7).

    Up to ``most`` rows it is exact. Of more, mean distances are those to rows of each group drawn at random, so that
    time grows with the rows and not their square.

    Args:
        values: (n, P) float64.
        labels: (n,) int64, -1 for none.
        seed: Of the drawing.
        most: References of all groups together.

    Returns:
        (n,) float64 from -1 to 1; NaN for rows without a group, and everywhere where there are fewer than two groups;
        0 for a row alone in its group.
    """
    result = np.full(len(labels), np.nan)
    n_groups = int(labels.max(initial=-1)) + 1
    if n_groups < 2:
        return result
    references = _references(labels, n_groups, most, seed)
    members = np.zeros((len(references), n_groups))
    members[np.arange(len(references)), labels[references]] = 1.0
    is_reference = np.zeros(len(labels))
    is_reference[references] = 1.0
    rows = np.flatnonzero(labels >= 0)
    start = 0
    for distances in pairwise_distances_chunked(values[rows], values[references], working_memory=_CHUNK_MIB):
        part = rows[start : start + len(distances)]
        result[part] = _silhouettes(distances @ members, members.sum(axis=0), labels[part], is_reference[part])
        start += len(distances)
    return result


def _silhouettes(sums: np.ndarray, sizes: np.ndarray, own: np.ndarray, is_reference: np.ndarray) -> np.ndarray:
    place = np.arange(len(own))
    others = sizes[own] - is_reference  # a row is no reference of itself
    inside = sums[place, own] / np.maximum(others, 1.0)
    outside = sums / sizes
    outside[place, own] = np.inf
    nearest = outside.min(axis=1)
    largest = np.maximum(inside, nearest)
    alone = (others == 0) | (largest == 0)
    return np.where(alone, 0.0, (nearest - inside) / np.where(alone, 1.0, largest))


def _references(labels: np.ndarray, n_groups: int, most: int, seed: int) -> np.ndarray:
    grouped = np.flatnonzero(labels >= 0)
    if len(grouped) <= most:
        return grouped
    generator = np.random.default_rng(seed)
    share = max(most // n_groups, 1)
    parts = []
    for group in range(n_groups):
        rows = np.flatnonzero(labels == group)
        parts.append(rows if len(rows) <= share else generator.choice(rows, share, replace=False))
    return np.sort(np.concatenate(parts))


def centre_distances(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the distance of each row to the mean of its group (n,) float64; NaN for rows without one."""
    distances = np.full(len(labels), np.nan)
    for group in range(int(labels.max(initial=-1)) + 1):
        rows = labels == group
        distances[rows] = np.linalg.norm(values[rows] - values[rows].mean(axis=0), axis=1)
    return distances


def medoids(labels: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Return the row nearest to the mean of each group (K,) int64.

    It is the medoid of squared distances: the sum of the squared distances to all members is least there.
    """
    groups = range(int(labels.max(initial=-1)) + 1)
    return np.array([np.argmin(np.where(labels == group, distances, np.inf)) for group in groups], dtype=np.int64)
