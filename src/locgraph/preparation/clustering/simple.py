"""Clusterers without a search: one cluster, given clusters, a fixed grid, and any clusterer channel by channel."""

from __future__ import annotations

from typing import Final

import numpy as np

from locgraph.errors import DataError
from locgraph.preparation.clustering.base import Clusterer, check_points, number_clusters, sort_by_cell, whole_numbers
from locgraph.schema import CHANNEL, NOISE, SOURCE_CLUSTER
from locgraph.settings import check_length, check_whole


class One:
    """Clusterer that puts every localisation into the same cluster, for models that see a FOV as one point cloud."""

    needs: tuple[str, ...] = ()

    def __call__(self, points: np.ndarray, seed: int, **columns: np.ndarray) -> np.ndarray:
        """Return the cluster of each point (N,) int64; see :class:`Clusterer`."""
        return np.zeros(len(check_points(points)), dtype=np.int64)


class Given:
    """Clusterer that takes the clusters of the column ``source_cluster`` as they are.

    Localisations with a negative number, or none, are noise. Clusters are renumbered by first appearance, so any
    numbers will do. Where a view holds part of the localisations, its clusters are what is left of these.
    """

    needs: tuple[str, ...] = (SOURCE_CLUSTER,)

    def __call__(self, points: np.ndarray, seed: int, **columns: np.ndarray) -> np.ndarray:
        """Return the cluster of each point (N,) int64; see :class:`Clusterer`."""
        check_points(points)
        given = whole_numbers(columns, SOURCE_CLUSTER)
        noise = given < 0
        labels = np.unique(given, return_inverse=True)[1]  # numbers of tracks can be large
        labels[noise] = -1
        return number_clusters(labels)


_EXACT: Final = 2.0**53  # float64 holds whole numbers up to here


class Grid:
    """Clusterer by the occupied cells of a grid of squares or cubes along the axes; cell 0 begins at coordinate 0.

    A localisation at x belongs to the cell floor(x / ``cell_nm``) along x, computed without rounding: one on a boundary
    belongs to the cell above it, however far from the origin. The cells are the same for every FOV and do not depend on
    the order of the rows. The grid does not turn with the FOV.

    Args:
        cell_nm: Side of a cell in nm. Larger gives fewer, larger clusters.
        min_samples: Localisations in a cell that make it a cluster; those of emptier cells are noise.

    Raises:
        ConfigError: A setting is out of range.
    """

    needs: tuple[str, ...] = ()

    def __init__(self, cell_nm: float, min_samples: int = 1) -> None:
        self.cell_nm = check_length("cell_nm", cell_nm)
        self.min_samples = check_whole("min_samples", min_samples, at_least=1)

    def __call__(self, points: np.ndarray, seed: int, **columns: np.ndarray) -> np.ndarray:
        """Return the cluster of each point (N,) int64; see :class:`Clusterer`."""
        points = check_points(points)
        if len(points) == 0:
            return np.empty(0, dtype=np.int64)
        order, first = sort_by_cell(self._cells(points))
        sizes = np.diff(first, append=len(points))
        names = np.where(sizes >= self.min_samples, np.arange(len(first)), NOISE)
        labels = np.empty(len(points), dtype=np.int64)
        labels[order] = np.repeat(names, sizes)
        return number_clusters(labels)

    def _cells(self, points: np.ndarray) -> np.ndarray:
        """Return the cell of each point (N, D) int64, counted from the lowest ones."""
        cells = np.floor_divide(points, self.cell_nm)  # by the remainder: a quotient could be rounded up
        farthest = np.abs(cells).max()
        if not farthest < _EXACT:
            raise DataError(
                f"expected points at most {_EXACT:.0e} cells from the origin, found one {farthest:g} cells away with "
                f"cell_nm = {self.cell_nm:g}; raise cell_nm, or check the unit of the columns"
            )
        return (cells - cells.min(axis=0)).astype(np.int64)


class PerChannel:
    """Clusterer that applies another one to each channel, as if the other channels were not there.

    Each channel has a seed of its own, drawn from the seed of the view and the number of the channel, so that its
    clusters do not depend on which other channels there are. Without this class, clusterers see positions alone, and
    clusters may span channels.

    Args:
        clusterer: Clusters one channel.
    """

    def __init__(self, clusterer: Clusterer) -> None:
        self.clusterer = clusterer
        self.needs: tuple[str, ...] = (CHANNEL, *(name for name in clusterer.needs if name != CHANNEL))

    def __call__(self, points: np.ndarray, seed: int, **columns: np.ndarray) -> np.ndarray:
        """Return the cluster of each point (N,) int64; see :class:`Clusterer`."""
        points = check_points(points)
        channel = whole_numbers(columns, CHANNEL)
        if len(channel) and channel.min() < 0:
            raise DataError(
                f"expected channels 0, 1, ..., found {int((channel < 0).sum())} of {len(channel)} localisations "
                f"without one; correct the column {CHANNEL}, or choose another clusterer"
            )
        labels = np.full(len(points), NOISE, dtype=np.int64)
        clusters = 0
        for index in np.unique(channel).tolist():
            rows = np.flatnonzero(channel == index)
            part = self._one_channel(
                index, points[rows], seed, {name: columns[name][rows] for name in self.clusterer.needs}
            )
            labels[rows] = np.where(part < 0, NOISE, part + clusters)
            clusters += int(part.max()) + 1
        return number_clusters(labels)

    def _one_channel(self, index: int, points: np.ndarray, seed: int, columns: dict[str, np.ndarray]) -> np.ndarray:
        own_seed = int(np.random.default_rng([seed, index]).integers(2**31))
        try:
            return self.clusterer(points, own_seed, **columns)
        except DataError as error:
            raise DataError(f"channel {index}: {error}") from error
