"""How far it is to the next localisation."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from locgraph.preparation.features.grouping import Groups
from locgraph.preparation.features.spacing import nearest_distances
from locgraph.schema import Column

NEAREST_DISTANCE: Final = "nearest_distance"


class NearestDistance:
    """Distance to the nearest other localisation of the same cluster.

    ``nearest_distance`` = min over j of |r_i - r_j| in nm; 0 where the cluster has no other, or one at the same place.
    """

    needs: tuple[str, ...] = ()

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """The columns that it gives in 2 or 3 dimensions."""
        return (Column(NEAREST_DISTANCE, pl.Float64, "nm", "distance to the nearest other one of the same cluster"),)

    def measure(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measures all localisations at once; see :class:`locgraph.preparation.features.base.LocalisationFeature`."""
        return {NEAREST_DISTANCE: groups.once(nearest_distances)}
