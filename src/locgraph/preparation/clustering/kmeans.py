"""k-means: a chosen number of compact clusters, without noise."""

from __future__ import annotations

import math
from typing import Final

import numba
import numpy as np

from locgraph.preparation.clustering.backend import AUTO, CUML, check_backend, choose_backend, import_cuml
from locgraph.preparation.clustering.base import centre_points, number_clusters
from locgraph.preparation.order import order_points
from locgraph.settings import check_whole

_CLEARLY: Final = 1 + 1e-9  # times as large: two points far from all others are equally good seeds, but for rounding


class KMeans:
    """k-means (Lloyd 1982, 10.1109/TIT.1982.1056489) from greedy k-means++ seeds (Arthur and Vassilvitskii 2007).

    Own code, as it is 13 times as fast as scikit-learn's on some hundred localisations.

    On the CPU the result depends on the seed and the set of points, not on the order of the rows. Draws count points
    from their mean outwards (`locgraph.preparation.order`), so that a FOV that is shifted, rotated or reflected falls
    into the same clusters, but for rounding. Each run ends when no point changes its cluster. A cluster that loses its
    last point starts again at the point farthest from its centre, so the number of clusters is exactly ``n_clusters``,
    or the number of distinct points where that is smaller.

    Args:
        n_clusters: Number of clusters.
        n_init: Number of runs with seeds of their own; the one with the smallest sum of squared distances counts.
        max_iter: Largest number of iterations of a run.
        backend: ``cpu``, ``cuml``, or ``auto`` for cuML where it and a GPU are there. The CPU is faster below about
            10^5 localisations, and gives the same clusters on every machine.

    Raises:
        ConfigError: A setting is out of range.
        MissingPackageError: ``backend`` is ``cuml``, and cuML is not installed.
    """

    needs: tuple[str, ...] = ()

    def __init__(self, n_clusters: int, n_init: int = 1, max_iter: int = 100, backend: str = AUTO) -> None:
        self.n_clusters = check_whole("n_clusters", n_clusters, at_least=1)
        self.n_init = check_whole("n_init", n_init, at_least=1)
        self.max_iter = check_whole("max_iter", max_iter, at_least=1)
        self.backend = check_backend(backend)

    def __call__(self, points: np.ndarray, seed: int, **columns: np.ndarray) -> np.ndarray:
        """Return the cluster of each point (N,) int64; see :class:`Clusterer`."""
        points = centre_points(points)
        if len(points) == 0:
            return np.empty(0, dtype=np.int64)
        order = order_points(points)
        ordered = points[order]
        distinct = 1 + int(np.any(ordered[1:] != ordered[:-1], axis=1).sum())  # equal points stand together
        n_clusters = min(self.n_clusters, distinct)
        run = self._on_gpu if choose_backend(self.backend) == CUML else self._on_cpu
        labels = np.empty(len(points), dtype=np.int64)
        labels[order] = run(ordered, n_clusters, seed)
        return number_clusters(labels)

    def _on_cpu(self, ordered: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
        trials = 2 + int(math.log(n_clusters))
        draws = np.random.default_rng(seed).random((self.n_init, n_clusters, trials))
        along_x = np.argsort(ordered[:, 0], kind="stable")
        flat = np.zeros((len(ordered), 3))  # 2D with z = 0: compiled code is faster for a fixed number of axes
        flat[:, : ordered.shape[1]] = ordered[along_x]
        places = np.empty_like(along_x)
        places[along_x] = np.arange(len(along_x))
        return best_of_runs(flat, places, draws, self.max_iter)[places]

    def _on_gpu(self, ordered: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
        model = import_cuml().KMeans(
            n_clusters=n_clusters,
            n_init=self.n_init,
            max_iter=self.max_iter,
            random_state=seed % 2**31,
            output_type="numpy",
        )
        return np.asarray(model.fit_predict(ordered.astype(np.float32)))


@numba.njit(cache=True)
def best_of_runs(points: np.ndarray, places: np.ndarray, draws: np.ndarray, max_iter: int) -> np.ndarray:
    """k-means from each set of draws; the labels with the smallest sum of squared distances.

    Args:
        points: Positions (N, 3) float64, centred, sorted by x; z is 0 in 2D.
        places: Row of each point in the order in which they are drawn (N,) int64.
        draws: Uniform numbers in [0, 1) (runs, K, trials) float64; K at most the number of distinct points.
        max_iter: Largest number of iterations of a run.

    Returns:
        Labels (N,) int64 in [0, K).
    """
    best_labels, best_inertia = np.zeros(points.shape[0], dtype=np.int64), np.inf
    for run in range(draws.shape[0]):
        labels, inertia = lloyd(points, places, points[seed_rows(points, places, draws[run])], max_iter)
        if inertia < best_inertia:
            best_labels, best_inertia = labels, inertia
    return best_labels


@numba.njit(cache=True)
def _squared_distance(a: np.ndarray, i: int, b: np.ndarray, j: int) -> float:
    x, y, z = a[i, 0] - b[j, 0], a[i, 1] - b[j, 1], a[i, 2] - b[j, 2]
    return x * x + y * y + z * z


@numba.njit(cache=True)
def seed_rows(points: np.ndarray, places: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Greedy k-means++ (Arthur and Vassilvitskii 2007, SODA, 1027-1035, section 5).

    Each further seed is drawn in proportion to the squared distance to the nearest seed so far; of several trials, the
    one that lowers the sum of these distances most is kept.

    Args:
        points: Positions (N, 3) float64, sorted by x.
        places: Row of each point in the order in which they are drawn (N,) int64.
        draws: Uniform numbers in [0, 1) (K, trials) float64.

    Returns:
        Rows of the seeds (K,) int64.
    """
    N, K = points.shape[0], draws.shape[0]
    rows = np.empty(K, dtype=np.int64)
    rows[0] = places[int(draws[0, 0] * N)]
    nearest = np.empty(N)
    for i in range(N):
        nearest[i] = _squared_distance(points, i, points, rows[0])
    summed = np.empty(N)
    for k in range(1, K):
        total, farthest = 0.0, 0.0
        for place in range(N):
            distance = nearest[places[place]]
            total += distance
            summed[place] = total
            farthest = max(farthest, distance)
        rows[k], best = 0, -1.0
        for trial in range(draws.shape[1]):
            row = places[min(np.searchsorted(summed, draws[k, trial] * total, side="right"), N - 1)]
            gain = _gain(points, nearest, row, farthest, False)
            if gain > best * _CLEARLY or best < 0.0:
                rows[k], best = row, gain
        _gain(points, nearest, rows[k], farthest, True)
    return rows


@numba.njit(cache=True)
def _gain(points: np.ndarray, nearest: np.ndarray, row: int, farthest: float, keep: bool) -> float:
    """Return by how much a seed at ``row`` lowers the sum of ``nearest`` (N,); ``keep`` writes the new distances."""
    gain = 0.0
    for side in (-1, 1):
        i = row if side < 0 else row + 1
        while 0 <= i < points.shape[0]:
            step = points[i, 0] - points[row, 0]
            if step * step > farthest:  # this seed is nearest to nothing beyond
                break
            distance = _squared_distance(points, i, points, row)
            if distance < nearest[i]:
                gain += nearest[i] - distance
                if keep:
                    nearest[i] = distance
            i += side
    return gain


@numba.njit(cache=True)
def lloyd(points: np.ndarray, places: np.ndarray, centres: np.ndarray, max_iter: int) -> tuple[np.ndarray, float]:
    """Lloyd's iterations (1982, 10.1109/TIT.1982.1056489) until no point changes its cluster.

    Args:
        points: Positions (N, 3) float64, sorted by x.
        places: Row of each point in the order in which empty clusters are filled from equally far ones (N,) int64.
        centres: First centres (K, 3) float64, K at most the number of distinct points.
        max_iter: Largest number of iterations.

    Returns:
        Labels (N,) int64, every cluster with a point, and the sum of squared distances to the clusters' means.
    """
    N, K = points.shape[0], centres.shape[0]
    labels = np.full(N, -1)
    distances = np.empty(N)
    counts = np.zeros(K, dtype=np.int64)
    for _ in range(max_iter):
        if not _assign(points, centres, labels, distances, counts):
            break
        _refill(places, labels, distances, counts)
        centres = _means(points, labels, counts)
    inertia = 0.0
    for i in range(N):
        inertia += _squared_distance(points, i, centres, labels[i])
    return labels, inertia


@numba.njit(cache=True)
def _assign(
    points: np.ndarray, centres: np.ndarray, labels: np.ndarray, distances: np.ndarray, counts: np.ndarray
) -> bool:
    """Give each point the nearest centre, the first of equally near ones, in place; return whether a label changed."""
    K = centres.shape[0]
    order = np.argsort(centres[:, 0], kind="mergesort")
    ranked = centres[order]
    changed = False
    counts[:] = 0
    middle = 0
    for i in range(points.shape[0]):
        while middle < K and ranked[middle, 0] < points[i, 0]:
            middle += 1
        best, label = np.inf, -1
        for side in (-1, 1):
            k = middle - 1 if side < 0 else middle
            while 0 <= k < K:
                step = points[i, 0] - ranked[k, 0]
                if step * step > best:
                    break
                distance = _squared_distance(points, i, ranked, k)
                if distance < best or (distance == best and order[k] < label):
                    best, label = distance, order[k]
                k += side
        changed |= label != labels[i]
        labels[i], distances[i] = label, best
        counts[label] += 1
    return changed


@numba.njit(cache=True)
def _refill(places: np.ndarray, labels: np.ndarray, distances: np.ndarray, counts: np.ndarray) -> None:
    """Give each empty cluster the point farthest from its centre among clusters that keep another, in place."""
    for k in range(counts.shape[0]):
        if counts[k] > 0:
            continue
        farthest, row = -1.0, -1
        for i in places:
            if counts[labels[i]] > 1 and (row < 0 or distances[i] > farthest * _CLEARLY):
                farthest, row = distances[i], i
        counts[labels[row]] -= 1
        labels[row], distances[row], counts[k] = k, 0.0, 1


@numba.njit(cache=True)
def _means(points: np.ndarray, labels: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the mean of each cluster's points (K, 3)."""
    sums = np.zeros((counts.shape[0], 3))
    for i in range(points.shape[0]):
        for axis in range(3):
            sums[labels[i], axis] += points[i, axis]
    for k in range(counts.shape[0]):
        for axis in range(3):
            sums[k, axis] /= counts[k]
    return sums
