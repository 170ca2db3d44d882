"""k-means: a chosen number of compact clusters, without noise."""

from __future__ import annotations

import math

import numpy as np

from locgraph.preparation.clustering.backend import AUTO, CUML, check_backend, choose_backend, import_cuml
from locgraph.preparation.clustering.base import by_first_appearance, centred
from locgraph.preparation.clustering.lloyd import best_of_runs
from locgraph.settings import check_whole


class KMeans:
    """k-means (Lloyd 1982, 10.1109/TIT.1982.1056489) from greedy k-means++ seeds (Arthur and Vassilvitskii 2007).

    On the CPU the result depends on the seed and the set of points, not on the order of the rows. Each run ends when no
    point changes its cluster. A cluster that loses its last point starts again at the point farthest from its centre,
    so the number of clusters is exactly ``n_clusters``, or the number of distinct points where that is smaller.

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
        self.n_clusters = check_whole("clustering.n_clusters", n_clusters, at_least=1)
        self.n_init = check_whole("clustering.n_init", n_init, at_least=1)
        self.max_iter = check_whole("clustering.max_iter", max_iter, at_least=1)
        self.backend = check_backend(backend)

    def __call__(self, points: np.ndarray, seed: int, **columns: np.ndarray) -> np.ndarray:
        """Clusters points.

        Args:
            points: Positions (N, D) float64 nm, D is 2 or 3.
            seed: Non-negative seed of the first centres.
            **columns: Part of the contract; there are none, since ``needs`` is empty.

        Returns:
            Labels (N,) int64, clusters numbered by first appearance.

        Raises:
            DataError: The points have the wrong shape or are not finite.
        """
        points = centred(points)
        if len(points) == 0:
            return np.empty(0, dtype=np.int64)
        order = np.lexsort(points.T[::-1])
        ordered = points[order]
        distinct = 1 + int(np.any(ordered[1:] != ordered[:-1], axis=1).sum())
        n_clusters = min(self.n_clusters, distinct)
        if choose_backend(self.backend) == CUML:
            return by_first_appearance(self._on_gpu(points, n_clusters, seed))
        labels = np.empty(len(points), dtype=np.int64)
        labels[order] = self._on_cpu(ordered, n_clusters, seed)
        return by_first_appearance(labels)

    def _on_cpu(self, ordered: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
        trials = 2 + int(math.log(n_clusters))
        draws = np.random.default_rng(seed).random((self.n_init, n_clusters, trials))
        flat = np.zeros((len(ordered), 3))  # 2D with z = 0: compiled code is faster for a fixed number of axes
        flat[:, : ordered.shape[1]] = ordered
        return best_of_runs(flat, draws, self.max_iter)

    def _on_gpu(self, points: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
        model = import_cuml().KMeans(
            n_clusters=n_clusters,
            n_init=self.n_init,
            max_iter=self.max_iter,
            random_state=seed % 2**31,
            output_type="numpy",
        )
        return np.asarray(model.fit_predict(points.astype(np.float32)))
