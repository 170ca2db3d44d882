"""HDBSCAN: clusters of differing density, and noise."""

from __future__ import annotations

import numpy as np

from locgraph.errors import ConfigError
from locgraph.preparation.clustering.backend import AUTO, CPU, CUML, check_backend, choose_backend, import_cuml
from locgraph.preparation.clustering.base import centre_points, number_clusters
from locgraph.preparation.clustering.hierarchy import select_clusters
from locgraph.preparation.clustering.spanning_tree import span_points
from locgraph.preparation.order import order_points
from locgraph.schema import NOISE
from locgraph.settings import check_whole


class HDBSCAN:
    """Hierarchical density-based clustering (Campello et al. 2013, 10.1007/978-3-642-37456-2_14).

    Clusters are chosen by excess of mass. A single cluster is never returned: points without two groups are noise. Own
    code, as time grows with n log n, and that of scikit-learn with the square of n.

    The clusters are scikit-learn's, with one difference: a point between two groups is often joined to both at the same
    distance, and belongs to the one that comes first. Here that is the one reached first from the centre of the points;
    there it depends on how the processor sorts equal numbers, so that machines differ. cuML works in float32 and
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
        return select_clusters(span_points(points, self.min_samples), self.min_cluster_size)

    def _on_gpu(self, points: np.ndarray) -> np.ndarray:
        model = import_cuml().HDBSCAN(
            min_cluster_size=self.min_cluster_size,
            min_samples=self.min_samples - 1,  # cuML does not count the point itself
            output_type="numpy",
        )
        return np.asarray(model.fit_predict(points.astype(np.float32)))
