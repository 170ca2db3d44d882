"""How many localisations a cluster has, where it is, and how far it spreads."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from locgraph.preparation.features.grouping import Groups
from locgraph.schema import COUNT, Column, centre_columns

RADIUS_OF_GYRATION: Final = "radius_of_gyration"


class Size:
    """Number, centre of mass and radius of gyration.

    ``count`` is the number n of localisations. ``x_mean``, ``y_mean`` (``z_mean``) are their mean position. With r_i
    the positions relative to it, ``radius_of_gyration`` is sqrt(sum |r_i|^2 / n), in nm: the root of the mean squared
    distance, not its square, over n and not n - 1 (IUPAC, 10.1351/goldbook.R05121, with equal masses). It is 0 for one
    localisation and for coincident ones.
    """

    needs: tuple[str, ...] = ()

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """The columns that it gives in 2 or 3 dimensions."""
        return (
            Column(COUNT, pl.Int64, "1", "localisations in the cluster"),
            *(Column(name, pl.Float64, "nm", "centre of mass") for name in centre_columns(dimensions)),
            Column(RADIUS_OF_GYRATION, pl.Float64, "nm", "root of the mean squared distance to the centre of mass"),
        )

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measures all clusters at once; see :class:`locgraph.preparation.features.base.Feature`."""
        squared = groups.sums(np.einsum("nd,nd->n", groups.centred, groups.centred))
        values = {COUNT: groups.counts.astype(np.float64), RADIUS_OF_GYRATION: np.sqrt(squared / groups.counts)}
        return values | dict(zip(centre_columns(groups.dimensions), groups.centres.T, strict=True))
