"""How much of the room that its length allows a cluster fills."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from locgraph.preparation.features.grouping import Groups
from locgraph.preparation.features.hull import hulls
from locgraph.preparation.features.pca import ratio
from locgraph.schema import Column

COMPACTNESS: Final = "compactness"


class Compactness:
    """Diameter of the disc or ball of the same size over the largest diameter.

    With A the area (2D) or V the volume (3D) of the convex hull, and L the largest distance between two localisations
    (the largest Feret diameter): ``compactness`` = sqrt(4 A / pi) / L, in 3D cbrt(6 V / pi) / L, without unit
    (10.1186/1746-160X-2-4, table 1, there in 2D). It is 1 for a disc or a ball, and never more: no shape of the same
    diameter is larger (isodiametric inequality).

    Coincident localisations, a single one, collinear ones, and coplanar ones in 3D: 0.
    """

    needs: tuple[str, ...] = ()

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """The columns that it gives in 2 or 3 dimensions."""
        return (Column(COMPACTNESS, pl.Float64, "1", "0 on a line (in a plane in 3D), 1 a disc (a ball)"),)

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measures all clusters at once; see :class:`locgraph.preparation.features.base.Feature`."""
        _, content, length = groups.once(hulls)
        equal = np.sqrt(4 * content / np.pi) if groups.dimensions == 2 else np.cbrt(6 * content / np.pi)
        return {COMPACTNESS: np.minimum(ratio(equal, length), 1.0)}
