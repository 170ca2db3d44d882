"""How densely localisations lie around a localisation."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from locgraph.preparation.features.grouping import Groups
from locgraph.preparation.features.radii import ball, neighbours_within
from locgraph.schema import Column
from locgraph.settings import check_length

LOCAL_DENSITY: Final = "local_density"


class LocalDensity:
    """Localisations around each localisation.

    With m the number of other localisations at most R away, of any cluster: ``local_density`` = m / (pi R^2) in 1/nm^2,
    in 3D m / (4/3 pi R^3) in 1/nm^3. Localisations that belong to no cluster are not counted: they are not in the
    table. Edges of the field of view are not corrected for. 0 where there is no other.

    Args:
        radius_nm: R in nm. Larger is smoother, and takes longer, in proportion to the localisations within.

    Raises:
        ConfigError: ``radius_nm`` is no length above 0.
    """

    needs: tuple[str, ...] = ()

    def __init__(self, radius_nm: float) -> None:
        self.radius_nm = check_length("features.localisations.local_density.radius_nm", radius_nm)

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """The columns that it gives in 2 or 3 dimensions."""
        meaning = f"density of other localisations at most {self.radius_nm:g} nm away"
        return (Column(LOCAL_DENSITY, pl.Float64, f"1/nm^{dimensions}", meaning),)

    def measure(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measures all localisations at once; see :class:`locgraph.preparation.features.base.LocalisationFeature`."""
        within = neighbours_within(groups.positions, self.radius_nm)
        return {LOCAL_DENSITY: within / ball(self.radius_nm, groups.dimensions)}
