"""DBSCAN: clusters of any shape and number, and noise, by density."""

from __future__ import annotations

import numpy as np

from locgraph.preparation.clustering.backend import AUTO, CUML, check_backend, choose_backend, import_cuml
from locgraph.preparation.clustering.base import by_first_appearance, centred
from locgraph.preparation.clustering.dbscan_cells import cluster_cells, sort_into_cells
from locgraph.settings import check_length, check_whole


class DBSCAN:
    """Density-based clustering (Ester et al. 1996, KDD-96, 226-231).

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
        self.eps_nm = check_length("clustering.eps_nm", eps_nm)
        self.min_samples = check_whole("clustering.min_samples", min_samples, at_least=1)
        self.backend = check_backend(backend)

    def __call__(self, points: np.ndarray, seed: int, **columns: np.ndarray) -> np.ndarray:
        """Clusters points.

        Args:
            points: Positions (N, D) float64 nm, D is 2 or 3.
            seed: Part of the contract of a clusterer; DBSCAN draws nothing.
            **columns: Part of the contract; there are none, since ``needs`` is empty.

        Returns:
            Labels (N,) int64: -1 for noise, clusters numbered by first appearance.

        Raises:
            DataError: The points have the wrong shape, are not finite, or span too many radii.
        """
        points = centred(points)
        if len(points) == 0:
            return np.empty(0, dtype=np.int64)
        if choose_backend(self.backend) == CUML:
            labels = self._on_gpu(points)
        else:
            labels, _ = cluster_cells(sort_into_cells(points, self.eps_nm), self.eps_nm, self.min_samples)
        return by_first_appearance(labels)

    def _on_gpu(self, points: np.ndarray) -> np.ndarray:
        # float64: cuML's DBSCAN takes it, and 1 nm in 1 mm is at the limit of float32
        model = import_cuml().DBSCAN(eps=self.eps_nm, min_samples=self.min_samples, output_type="numpy")
        return np.asarray(model.fit_predict(points))
