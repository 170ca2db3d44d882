"""How bright a cluster is."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from locgraph.preparation.features.grouping import Groups
from locgraph.schema import PHOTONS, Column

PHOTONS_MEAN: Final = "photons_mean"
PHOTONS_MEDIAN: Final = "photons_median"
PHOTONS_TOTAL: Final = "photons_total"


class Photons:
    """Photons of the localisations.

    With N_i the photons of localisation i (``photons``): ``photons_mean`` = sum N_i / n, ``photons_median`` the median
    of the N_i, ``photons_total`` = sum N_i, all in photons. Defined for any cluster.
    """

    needs: tuple[str, ...] = (PHOTONS,)

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """The columns that it gives in 2 or 3 dimensions."""
        return (
            Column(PHOTONS_MEAN, pl.Float64, "photons", "mean photons of the localisations"),
            Column(PHOTONS_MEDIAN, pl.Float64, "photons", "median photons of the localisations"),
            Column(PHOTONS_TOTAL, pl.Float64, "photons", "photons of all localisations together"),
        )

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measures all clusters at once; see :class:`locgraph.preparation.features.base.Feature`."""
        photons = groups.extra[PHOTONS]
        return {
            PHOTONS_MEAN: groups.means(photons),
            PHOTONS_MEDIAN: groups.medians(photons),
            PHOTONS_TOTAL: groups.sums(photons),
        }
