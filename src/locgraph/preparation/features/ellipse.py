"""How far a cluster is from round."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from locgraph.preparation.features.grouping import Groups
from locgraph.preparation.features.pca import clear_deviations, ratio
from locgraph.schema import Column

ECCENTRICITY: Final = "eccentricity"


class Ellipse:
    """Eccentricity of the ellipse whose half-axes are the cluster's standard deviations.

    With s0 >= s1 the standard deviations along the first two principal axes, in nm (over n - 1, as in
    `PCA`), ``eccentricity`` = sqrt(1 - s1^2 / s0^2), without unit: the eccentricity of a
    conic section, 0 round, 1 on a line. In 3D it is that of the section through the two longest axes.

    It grows with ``linearity``, but tells apart what is almost round, and hardly what is almost a line. Ratios with the
    third axis in 3D follow from ``linearity`` and ``planarity``, so they are left out; for the direction see
    :class:`locgraph.preparation.features.orientation.Orientation`.

    Coincident localisations, and a single one: 0. Collinear ones: 1. Widths that are rounding alone
    (:meth:`Groups.thinnest`) count as 0.
    """

    needs: tuple[str, ...] = ()

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """The columns that it gives in 2 or 3 dimensions."""
        return (Column(ECCENTRICITY, pl.Float64, "1", "0 round, 1 on a line"),)

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measures all clusters at once; see :class:`locgraph.preparation.features.base.Feature`."""
        s0, s1 = clear_deviations(groups).T[:2]
        # (s0 - s1) (s0 + s1) and not s0^2 - s1^2, which cancels for clusters that are almost round
        return {ECCENTRICITY: np.sqrt(ratio((s0 - s1) * (s0 + s1), s0 * s0))}
