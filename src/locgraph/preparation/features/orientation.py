"""Which way a cluster points."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from locgraph.preparation.features.grouping import Groups
from locgraph.preparation.features.pca import principal_axes
from locgraph.schema import Column

ORIENTATION: Final = "orientation"
INCLINATION: Final = "inclination"

_ROUND: Final = 1e-6  # difference of two axes, per length, below which rounding decides where they point
_NO_ANGLE: Final = 1e-9  # rad: so close to pi an angle is 0


class Orientation:
    """Direction of the first principal axis. **Not invariant under rotation**: it turns with the field of view.

    ``orientation`` is the angle of the axis to x, towards y, in rad, from 0 up to pi, which is 0 again: an axis has no
    front end. In 3D it is that of the axis seen along z, and ``inclination`` is the angle between the axis and z, from
    0 to pi / 2 rad. The axis is the eigenvector of the largest eigenvalue of the covariance.

    Augmentation by rotation turns positions and not features, so that this feature would be wrong: use it with
    ``augment=none``, where directions on the coverslip mean something.

    0 stands for no direction: coincident localisations, a single one, the first two principal axes of the same length
    (up to 10^-6 of it); and for ``orientation`` in 3D an axis along z (up to 10^-6 rad).
    """

    needs: tuple[str, ...] = ()

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """The columns that it gives in 2 or 3 dimensions."""
        angle = Column(ORIENTATION, pl.Float64, "rad", "angle of the first principal axis to x, seen along z")
        if dimensions == 2:
            return (angle,)
        return (angle, Column(INCLINATION, pl.Float64, "rad", "angle of the first principal axis to z"))

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measures all clusters at once; see :class:`locgraph.preparation.features.base.Feature`."""
        deviations, axes = groups.once(principal_axes)
        s0, s1 = deviations.T[:2]
        directed = s0 - s1 > np.maximum(_ROUND * s0, groups.thinnest(s0))
        axis = axes[:, :, 0]
        across = np.hypot(axis[:, 0], axis[:, 1])
        angle = np.mod(np.arctan2(axis[:, 1], axis[:, 0]), np.pi)
        # an angle that is 0 but for its rounding may come out as just below pi
        seen = directed & (across > _ROUND) & (angle < np.pi - _NO_ANGLE)
        values = {ORIENTATION: np.where(seen, angle, 0.0)}
        if groups.dimensions == 3:
            values[INCLINATION] = np.where(directed, np.arctan2(across, np.abs(axis[:, 2])), 0.0)
        return values
