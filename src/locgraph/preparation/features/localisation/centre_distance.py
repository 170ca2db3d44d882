"""How far out in its cluster a localisation lies."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from locgraph.preparation.features.grouping import Groups
from locgraph.schema import Column

CENTRE_DISTANCE: Final = "centre_distance"


class CentreDistance:
    """Distance to the centre of mass of the cluster.

    ``centre_distance`` = |r_i| in nm, with r_i the position relative to the mean position of the cluster; 0 for a
    single localisation, and for coincident ones.
    """

    needs: tuple[str, ...] = ()

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """The columns that it gives in 2 or 3 dimensions."""
        return (Column(CENTRE_DISTANCE, pl.Float64, "nm", "distance to the centre of mass of its cluster"),)

    def measure(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measures all localisations at once; see :class:`locgraph.preparation.features.base.LocalisationFeature`."""
        return {CENTRE_DISTANCE: np.linalg.norm(groups.centred, axis=1)}
