"""HDBSCAN: clusters of differing density, and noise."""

from __future__ import annotations

import logging
import time
from typing import Final

import numpy as np

from locgraph.errors import ConfigError
from locgraph.preparation.clustering.backend import AUTO, CPU, CUML, check_backend, choose_backend, import_cuml
from locgraph.preparation.clustering.base import centre_points, number_clusters
from locgraph.preparation.order import order_points
from locgraph.schema import NOISE
from locgraph.settings import check_whole

log = logging.getLogger(__name__)

SLOW: Final = 50_000
"""Above this number of points the expected time is announced."""

_MEASURED: Final = 10_000  # points whose clustering is timed: a part of the square of their number in all


class HDBSCAN:
    """Hierarchical density-based clustering (Campello et al. 2013, 10.1007/978-3-642-37456-2_14).

    Clusters are chosen by excess of mass. A single cluster is never returned: points without two groups are noise. Time
    grows with the square of the number of points (scikit-learn): about half a minute for 10^5 localisations, so take
    DBSCAN for more; above `SLOW` points the log says how long each clustering will take. cuML works in float32 and
    resolves ties differently; its clusters are alike, not equal.

    Args:
        min_cluster_size: Smallest number of points in a cluster, at least 2. Larger joins or drops small clusters.
        min_samples: The distance to the nearest ``min_samples`` points, the point itself among them, is the inverse of
            its density; ``min_cluster_size`` if None. Larger turns more points into noise.
        backend: ``cpu``, ``cuml``, or ``auto`` for cuML where it and a GPU are there. ``cuml`` needs ``min_samples`` of
            at least 2; with 1, ``auto`` stays on the CPU.

    Raises:
        ConfigError: A setting is out of range.
        MissingPackageError: ``backend`` is ``cuml``, and cuML is not installed.
    """

    needs: tuple[str, ...] = ()

    def __init__(self, min_cluster_size: int, min_samples: int | None = None, backend: str = AUTO) -> None:
        self.min_cluster_size = check_whole("min_cluster_size", min_cluster_size, at_least=2)
        given = self.min_cluster_size if min_samples is None else min_samples
        self.min_samples = check_whole("min_samples", given, at_least=1)
        self.backend = check_backend(backend)
        if self.min_samples == 1:
            if self.backend == CUML:
                raise ConfigError(
                    "expected at least 2 with the backend cuml, found 1; raise it, or choose the backend cpu",
                    setting="min_samples",
                )
            self.backend = CPU

    def __call__(self, points: np.ndarray, seed: int, **columns: np.ndarray) -> np.ndarray:
        """Return the cluster of each point (N,) int64; see :class:`Clusterer`."""
        points = centre_points(points)
        if len(points) < max(self.min_cluster_size, self.min_samples, 2):  # too few for one cluster
            return np.full(len(points), NOISE, dtype=np.int64)
        run = self._on_gpu if choose_backend(self.backend) == CUML else self._on_cpu
        order = order_points(points)  # mutual distances are often equal, and the first of equal ones counts
        labels = np.empty(len(points), dtype=np.int64)
        labels[order] = run(points[order])
        return number_clusters(labels)

    def _on_cpu(self, points: np.ndarray) -> np.ndarray:
        if len(points) > SLOW:
            self._announce(points)
        return self._fit(points)

    def _fit(self, points: np.ndarray) -> np.ndarray:
        from sklearn import cluster  # late: a second to import

        model = cluster.HDBSCAN(min_cluster_size=self.min_cluster_size, min_samples=self.min_samples, copy=True)
        return model.fit(points).labels_

    def _announce(self, points: np.ndarray) -> None:
        """Log how long the points will take, by the time of some of them; while scikit-learn runs, nothing can be."""
        some = points[:: -(-len(points) // _MEASURED)]
        self._fit(some[: _MEASURED // 10])  # imports
        began = time.perf_counter()
        self._fit(some)
        seconds = (time.perf_counter() - began) * (len(points) / len(some)) ** 2
        log.warning(
            "HDBSCAN of %s localisations (one view of a FOV) will take about %s: its time grows with the square of "
            "their number. clustering=dbscan takes seconds; preprocess=[region] or thin make a FOV smaller",
            f"{len(points):,}",
            f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min",
        )

    def _on_gpu(self, points: np.ndarray) -> np.ndarray:
        model = import_cuml().HDBSCAN(
            min_cluster_size=self.min_cluster_size,
            min_samples=self.min_samples - 1,  # cuML does not count the point itself
            output_type="numpy",
        )
        return np.asarray(model.fit_predict(points.astype(np.float32)))
