"""DBSCAN in an ellipsoid: a larger radius along the optical axis, where localisations are less precise."""

from __future__ import annotations

import numpy as np

from locgraph.errors import DataError
from locgraph.preparation.clustering.backend import AUTO
from locgraph.preparation.clustering.base import check_points, positive_column
from locgraph.preparation.clustering.dbscan import DBSCAN
from locgraph.schema import PRECISION, PRECISION_Z
from locgraph.settings import check_length


class AnisotropicDBSCAN:
    """DBSCAN whose neighbourhood is an ellipsoid (Loerzing et al. 2024, 10.1021/acs.jpcb.4c02030), in 3D.

    z is scaled by ``eps_nm`` / ``eps_z_nm``, then points are clustered as by :class:`DBSCAN`, as Picasso does from
    version 0.10.1. Without ``eps_z_nm`` both radii are the same number of localisation precisions: it is ``eps_nm``
    times the median of ``precision_z`` over that of ``precision`` of the FOV.

    Args:
        eps_nm: Radius of the neighbourhood in the focal plane, in nm. Larger joins clusters.
        min_samples: Points in the neighbourhood that make a core point. Larger turns sparse clusters into noise.
        eps_z_nm: Radius along z in nm; None for the one that the precisions of the FOV give.
        backend: As for :class:`DBSCAN`.

    Raises:
        ConfigError: A setting is out of range.
        MissingPackageError: ``backend`` is ``cuml``, and cuML is not installed.
    """

    def __init__(self, eps_nm: float, min_samples: int, eps_z_nm: float | None = None, backend: str = AUTO) -> None:
        self._dbscan = DBSCAN(eps_nm, min_samples, backend)
        self.eps_nm = self._dbscan.eps_nm
        self.eps_z_nm = None if eps_z_nm is None else check_length("eps_z_nm", eps_z_nm)
        self.needs: tuple[str, ...] = (PRECISION, PRECISION_Z) if eps_z_nm is None else ()

    def __call__(self, points: np.ndarray, seed: int, **columns: np.ndarray) -> np.ndarray:
        """Return the cluster of each point (N,) int64; see :class:`Clusterer`.

        Raises:
            DataError: The points are 2D, or a precision is not above 0.
        """
        points = check_points(points)
        if points.shape[1] != 3:
            raise DataError(
                "a clusterer with a radius along z expected positions in 3D, found 2D; name z in the columns, or "
                "choose clustering=dbscan"
            )
        if len(points) == 0:
            return np.empty(0, dtype=np.int64)
        return self._dbscan(points * [1.0, 1.0, self._scale(columns)], seed)

    def _scale(self, columns: dict[str, np.ndarray]) -> float:
        if self.eps_z_nm is not None:
            return self.eps_nm / self.eps_z_nm
        lateral, axial = (float(np.median(positive_column(columns, name))) for name in self.needs)
        return lateral / axial
