"""Features of localisations: one number for each, added to the table of localisations."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.neighbourhood import ball, nearest_distances, neighbours_within
from locgraph.schema import LOG, Column
from locgraph.settings import check_length

CENTRE_DISTANCE: Final = "centre_distance"


class CentreDistance:
    """Distance to the centre of mass of the cluster.

    ``centre_distance`` = |r_i| in nm, with r_i the position relative to the mean position of the cluster; 0 for a
    single localisation, and for coincident ones.
    """

    needs: tuple[str, ...] = ()

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """Return the columns in 2 or 3 dimensions."""
        return (Column(CENTRE_DISTANCE, pl.Float64, "nm", "distance to the centre of mass of its cluster"),)

    def measure(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measure all localisations at once."""
        return {CENTRE_DISTANCE: np.linalg.norm(groups.centred, axis=1)}


LOCAL_DENSITY: Final = "local_density"


class LocalDensity:
    """Localisations around each localisation.

    With m the number of other localisations at most R away, of any cluster: ``local_density`` = m / (pi R^2) in 1/nm^2,
    in 3D m / (4/3 pi R^3) in 1/nm^3. Localisations that belong to no cluster are not counted: they are not in the
    table. Edges of the field of view are not corrected for. 0 where there is no other.

    Args:
        radius_nm: R in nm. Larger is smoother; time grows with the edge of the ball, not with the number within.

    Raises:
        ConfigError: ``radius_nm`` is no length above 0.
    """

    needs: tuple[str, ...] = ()

    def __init__(self, radius_nm: float) -> None:
        self.radius_nm = check_length("radius_nm", radius_nm)

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """Return the columns in 2 or 3 dimensions."""
        meaning = f"density of other localisations at most {self.radius_nm:g} nm away"
        return (Column(LOCAL_DENSITY, pl.Float64, f"1/nm^{dimensions}", meaning, LOG),)

    def measure(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measure all localisations at once."""
        within = neighbours_within(groups.positions, self.radius_nm)
        return {LOCAL_DENSITY: within / ball(self.radius_nm, groups.dimensions)}


NEAREST_DISTANCE: Final = "nearest_distance"


class NearestDistance:
    """Distance to the nearest other localisation of the same cluster.

    ``nearest_distance`` = min over j of |r_i - r_j| in nm; 0 where the cluster has no other, or one at the same place.
    """

    needs: tuple[str, ...] = ()

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """Return the columns in 2 or 3 dimensions."""
        meaning = "distance to the nearest other one of the same cluster"
        return (Column(NEAREST_DISTANCE, pl.Float64, "nm", meaning, LOG),)

    def measure(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measure all localisations at once."""
        return {NEAREST_DISTANCE: groups.once(nearest_distances)}
