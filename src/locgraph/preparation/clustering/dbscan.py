"""DBSCAN: clusters of any shape and number, and noise, by density."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numba
import numpy as np

from locgraph.errors import DataError
from locgraph.preparation.clustering.backend import AUTO, CUML, check_backend, choose_backend, import_cuml
from locgraph.preparation.clustering.base import centre_points, number_clusters, sort_by_cell
from locgraph.schema import NOISE
from locgraph.settings import check_length, check_whole


class DBSCAN:
    """Density-based clustering (Ester et al. 1996, KDD-96, 226-231).

    Own code, as it is six times as fast as scikit-learn's, and its memory grows with the number of points alone.

    A core point has at least ``min_samples`` points within ``eps_nm``, itself among them. Core points within ``eps_nm``
    of each other share a cluster; other points within ``eps_nm`` of a core point join the nearest one; the rest is
    noise. On the CPU the result is exact in 2D and 3D and does not depend on the order of the rows. cuML finds the same
    core and noise points, but gives a border point to any cluster within reach.

    Args:
        eps_nm: Radius of the neighbourhood in nm, points at exactly this distance included. Larger joins clusters.
        min_samples: Points within the radius that make a core point. Larger turns sparse clusters into noise.
        backend: ``cpu``, ``cuml``, or ``auto`` for cuML where it and a GPU are there.

    Raises:
        ConfigError: A setting is out of range.
        MissingPackageError: ``backend`` is ``cuml``, and cuML is not installed.
    """

    needs: tuple[str, ...] = ()

    def __init__(self, eps_nm: float, min_samples: int, backend: str = AUTO) -> None:
        self.eps_nm = check_length("eps_nm", eps_nm)
        self.min_samples = check_whole("min_samples", min_samples, at_least=1)
        self.backend = check_backend(backend)

    def __call__(self, points: np.ndarray, seed: int, **columns: np.ndarray) -> np.ndarray:
        """Return the cluster of each point (N,) int64; see :class:`Clusterer`."""
        points = centre_points(points)
        if len(points) == 0:
            return np.empty(0, dtype=np.int64)
        if choose_backend(self.backend) == CUML:
            labels = self._on_gpu(points)
        else:
            labels, _ = cluster_cells(sort_into_cells(points, self.eps_nm), self.eps_nm, self.min_samples)
        return number_clusters(labels)

    def _on_gpu(self, points: np.ndarray) -> np.ndarray:
        # float64: cuML's DBSCAN takes it, and 1 nm in 1 mm is at the limit of float32
        model = import_cuml().DBSCAN(eps=self.eps_nm, min_samples=self.min_samples, output_type="numpy")
        return np.asarray(model.fit_predict(points))


REACH = 2
"""Cells to each side that can hold a point within eps: sqrt(3) rounded up."""

_ROUNDING = 2.0**-50  # of a quotient in float64, with a margin
_MAX_MARGIN = 0.1  # cells larger than 0.87 eps / sqrt(3) keep neighbours within reach


class Cells(NamedTuple):
    """Points sorted into the cells of a grid; a named tuple, since compiled functions take those.

    Attributes:
        points: Positions (N, D) float64 nm, sorted by cell.
        order: Row of the input of each sorted point (N,) int64.
        starts: First point of each cell, and N at the end (M + 1,) int64.
        coords: Cell indices (M, D) int64, in lexicographic order.
        offsets: Steps along all axes but the last to the runs that can hold neighbours (R, D - 1) int64, sorted.
        first: First cell of each run of neighbours of each cell (M, R) int32; the run may turn out to be empty.
    """

    points: np.ndarray
    order: np.ndarray
    starts: np.ndarray
    coords: np.ndarray
    offsets: np.ndarray
    first: np.ndarray


def sort_into_cells(points: np.ndarray, eps: float, setting: str = "eps_nm") -> Cells:
    """Sort points into cells in which every pair is within ``eps``.

    Args:
        points: Positions (N, D) float64 nm, N at least 1.
        eps: Radius of the neighbourhood in nm.
        setting: Name of the setting that ``eps`` comes from, for the message.

    Returns:
        The sorted points and their cells.

    Raises:
        DataError: The points span so many radii that the cells cannot be numbered.
    """
    dimensions = points.shape[1]
    low = points.min(axis=0)
    scaled = points - low
    scaled *= math.sqrt(dimensions) / eps
    margin = 1e-9 + scaled.max() * _ROUNDING  # keeps the diagonal of a cell below eps in spite of rounding
    if not margin < _MAX_MARGIN:
        extent = float((points.max(axis=0) - low).max())
        raise DataError(
            f"expected points that span less than 10^14 radii, found an extent of {extent:g} nm with {setting} = "
            f"{eps:g}; raise {setting} or check the unit of the columns"
        )
    scaled /= 1.0 - margin
    keys = scaled.astype(np.int64)
    del scaled  # memory, in large fields of view
    order, first = sort_by_cell(keys)
    coords = keys[order[first]]
    steps = itertools.product(range(-REACH, REACH + 1), repeat=dimensions - 1)
    offsets = np.array(list(steps), dtype=np.int64)
    return Cells(
        points=points[order],
        order=order,
        starts=np.append(first, len(points)),
        coords=coords,
        offsets=offsets,
        first=first_neighbour_cells(coords, offsets),
    )


def cluster_cells(cells: Cells, eps: float, min_samples: int) -> tuple[np.ndarray, np.ndarray]:
    """DBSCAN of sorted points (Ester et al. 1996, KDD-96, 226-231).

    A point within ``eps`` of core points of several clusters joins the nearest core point; of equally near ones, the
    one whose coordinates come first. So the clusters do not depend on the order of the rows.

    Args:
        cells: From :func:`sort_into_cells` with the same ``eps``.
        eps: Radius of the neighbourhood in nm, points at exactly this distance included.
        min_samples: Points within ``eps``, the point itself among them, that make a point a core point.

    Returns:
        Labels (N,) int64 with -1 for noise, arbitrary numbers, and core points (N,) bool; both in the rows' order.
    """
    core = _core_points(cells, eps, min_samples)
    labels = _label_points(cells, eps, core, _connect_cells(cells, eps, core))
    rows_labels, rows_core = np.empty_like(labels), np.empty_like(core)
    rows_labels[cells.order] = labels
    rows_core[cells.order] = core
    return rows_labels, rows_core


@numba.njit(cache=True)
def _before(coords: np.ndarray, cell: int, centre: int, offset: np.ndarray) -> bool:
    """Return whether ``cell`` comes before the first neighbour of ``centre`` in the run at ``offset``."""
    last = coords.shape[1] - 1
    for axis in range(last):
        wanted = coords[centre, axis] + offset[axis]
        if coords[cell, axis] != wanted:
            return coords[cell, axis] < wanted
    return coords[cell, last] < coords[centre, last] - REACH


@numba.njit(cache=True)
def first_neighbour_cells(coords: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """See :attr:`Cells.first`."""
    M = coords.shape[0]
    first = np.empty((M, offsets.shape[0]), dtype=np.int32)
    for run in range(offsets.shape[0]):
        pointer = 0
        for cell in range(M):
            while pointer < M and _before(coords, pointer, cell, offsets[run]):
                pointer += 1
            first[cell, run] = pointer
    return first


@numba.njit(cache=True)
def in_run(coords: np.ndarray, cell: int, centre: int, offset: np.ndarray) -> bool:
    """Return whether ``cell``, at or after the first of the run at ``offset``, still belongs to it."""
    last = coords.shape[1] - 1
    if cell >= coords.shape[0]:
        return False
    for axis in range(last):
        if coords[cell, axis] != coords[centre, axis] + offset[axis]:
            return False
    return coords[cell, last] <= coords[centre, last] + REACH


@numba.njit(cache=True)
def _squared_distance(points: np.ndarray, i: int, j: int) -> float:
    total = 0.0
    for axis in range(points.shape[1]):
        step = points[i, axis] - points[j, axis]
        total += step * step
    return total


@numba.njit(cache=True)
def _core_points(cells: Cells, eps: float, min_samples: int) -> np.ndarray:
    """Return which points have ``min_samples`` points within ``eps`` (N,) bool."""
    points, starts, coords, offsets, first = cells.points, cells.starts, cells.coords, cells.offsets, cells.first
    core = np.zeros(points.shape[0], dtype=np.bool_)
    limit = eps * eps
    for cell in range(coords.shape[0]):
        begin, end = starts[cell], starts[cell + 1]
        if end - begin >= min_samples:
            core[begin:end] = True
            continue
        counts = np.full(end - begin, end - begin)
        for run in range(offsets.shape[0]):
            other = first[cell, run]
            while in_run(coords, other, cell, offsets[run]):
                if other != cell:
                    for i in range(begin, end):
                        for j in range(starts[other], starts[other + 1]):
                            if counts[i - begin] >= min_samples:
                                break
                            if _squared_distance(points, i, j) <= limit:
                                counts[i - begin] += 1
                other += 1
        core[begin:end] = counts >= min_samples
    return core


@numba.njit(cache=True)
def root(parents: np.ndarray, cell: int) -> int:
    """Return the root of ``cell`` in a forest of parents (M,), whose paths are shortened."""
    while parents[cell] != cell:
        parents[cell] = parents[parents[cell]]
        cell = parents[cell]
    return cell


@numba.njit(cache=True)
def _touch(points: np.ndarray, core: np.ndarray, a: tuple[int, int], b: tuple[int, int], limit: float) -> bool:
    """Return whether a core point of rows ``a`` and one of rows ``b`` are within reach of each other."""
    D = points.shape[1]
    low, high = np.full(D, np.inf), np.full(D, -np.inf)
    for j in range(b[0], b[1]):
        if core[j]:
            low, high = np.minimum(low, points[j]), np.maximum(high, points[j])
    for i in range(a[0], a[1]):
        if not core[i]:
            continue
        gap = 0.0  # to the box around the core points of b: spares most points of two dense cells that do not touch
        for axis in range(D):
            step = max(low[axis] - points[i, axis], points[i, axis] - high[axis], 0.0)
            gap += step * step
        if gap > limit:
            continue
        for j in range(b[0], b[1]):
            if core[j] and _squared_distance(points, i, j) <= limit:
                return True
    return False


@numba.njit(cache=True)
def _connect_cells(cells: Cells, eps: float, core: np.ndarray) -> np.ndarray:
    """Return the cluster of each cell with core points: the smallest index of a connected cell; -1 for other cells."""
    points, starts, coords, offsets, first = cells.points, cells.starts, cells.coords, cells.offsets, cells.first
    M = coords.shape[0]
    parents = np.arange(M)
    has_core = np.zeros(M, dtype=np.bool_)
    for cell in range(M):
        has_core[cell] = core[starts[cell] : starts[cell + 1]].any()
    for cell in range(M):
        if not has_core[cell]:
            continue
        for run in range(offsets.shape[0]):
            other = first[cell, run]
            while other < cell and in_run(coords, other, cell, offsets[run]):
                a, b = root(parents, cell), root(parents, other)
                rows, others = (starts[cell], starts[cell + 1]), (starts[other], starts[other + 1])
                if has_core[other] and a != b and _touch(points, core, rows, others, eps * eps):
                    parents[max(a, b)] = min(a, b)
                other += 1
    for cell in range(M):
        parents[cell] = root(parents, cell) if has_core[cell] else NOISE
    return parents


@numba.njit(cache=True)
def comes_first(points: np.ndarray, i: int, j: int) -> bool:
    """Return whether the coordinates of ``i`` come before those of ``j``."""
    for axis in range(points.shape[1]):
        if points[i, axis] != points[j, axis]:
            return points[i, axis] < points[j, axis]
    return False


@numba.njit(cache=True)
def _label_points(cells: Cells, eps: float, core: np.ndarray, roots: np.ndarray) -> np.ndarray:
    """Return the cluster of each point: that of its cell for a core point, else of the nearest core point in reach."""
    points, starts, coords, offsets, first = cells.points, cells.starts, cells.coords, cells.offsets, cells.first
    labels = np.full(points.shape[0], NOISE, dtype=np.int64)
    for cell in range(coords.shape[0]):
        begin, end = starts[cell], starts[cell + 1]
        if core[begin:end].all():
            labels[begin:end] = roots[cell]
            continue
        nearest = np.full(end - begin, -1)
        best = np.full(end - begin, eps * eps)
        for run in range(offsets.shape[0]):
            other = first[cell, run]
            while in_run(coords, other, cell, offsets[run]):
                for j in range(starts[other], starts[other + 1]):
                    if not core[j]:
                        continue
                    for i in range(begin, end):
                        distance, k = _squared_distance(points, i, j), i - begin
                        tied = distance == best[k] and (nearest[k] < 0 or comes_first(points, j, nearest[k]))
                        if distance < best[k] or tied:
                            best[k], nearest[k] = distance, j
                            labels[i] = roots[other]
                other += 1
        for i in range(begin, end):
            if core[i]:
                labels[i] = roots[cell]
    return labels
