"""Which units may be merged where groups have to be regions: neighbours in space, within one FOV."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from sklearn.neighbors import NearestNeighbors


def connect_neighbours(places: np.ndarray, fields: np.ndarray, values: np.ndarray, neighbours: int) -> csr_matrix:
    """Connect units with their nearest neighbours in space, and FOVs by their most similar units.

    Within a FOV, groups become regions; parts of it that neighbours leave apart are joined at their nearest places.
    Each unit is also connected with the most similar unit of all other FOVs, so that like regions of several FOVs can
    be one group.

    Args:
        places: (n, D) float64 nm within the field.
        fields: (n,) FOV of each.
        values: (n, P) float64 by which units are similar.
        neighbours: In space, of each unit.

    Returns:
        (n, n) symmetric, 1 where connected.
    """
    pairs = [*_in_space(places, fields, neighbours), *_across(fields, values)]
    sources, targets = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
    size = (len(places), len(places))
    one_way = coo_matrix((np.ones(len(sources)), (sources, targets)), shape=size).tocsr()
    both = one_way + one_way.T
    both.data[:] = 1.0
    return csr_matrix(both)


def _in_space(places: np.ndarray, fields: np.ndarray, neighbours: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for rows in _rows_by_field(fields):
        count = min(neighbours, len(rows) - 1)
        if count < 1:
            continue
        nearest = cKDTree(places[rows]).query(places[rows], count + 1)[1]
        sources, targets = np.repeat(np.arange(len(rows)), count + 1), nearest.ravel()
        yield rows[sources], rows[targets]
        for source, target in _bridges(places[rows], sources, targets):
            yield rows[[source]], rows[[target]]


def _bridges(places: np.ndarray, sources: np.ndarray, targets: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield pairs of nearest units that join the parts of a graph, one part after the other to all that are left."""
    size = (len(places), len(places))
    parts = connected_components(coo_matrix((np.ones(len(sources)), (sources, targets)), shape=size), directed=False)[1]
    while parts.max() > 0:
        inside, outside = np.flatnonzero(parts == parts[0]), np.flatnonzero(parts != parts[0])
        distances, nearest = cKDTree(places[inside]).query(places[outside])
        closest = int(np.argmin(distances))
        yield int(inside[nearest[closest]]), int(outside[closest])
        parts[parts == parts[outside[closest]]] = parts[0]
        parts = np.unique(parts, return_inverse=True)[1]


def _across(fields: np.ndarray, values: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    parts = list(_rows_by_field(fields))
    if len(parts) < 2:
        return
    every = np.arange(len(fields))
    for rows in parts:
        others = np.setdiff1d(every, rows, assume_unique=True)
        nearest = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(values[others])
        yield rows, others[nearest.kneighbors(values[rows], return_distance=False)[:, 0]]


def _rows_by_field(fields: np.ndarray) -> Iterator[np.ndarray]:
    numbers = np.unique(fields, return_inverse=True)[1]
    order = np.argsort(numbers, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)
