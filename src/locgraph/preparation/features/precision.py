"""How well a cluster is localised."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from locgraph.preparation.features.grouping import Groups
from locgraph.schema import PRECISION, Column

PRECISION_MEAN: Final = "precision_mean"


class Precision:
    """Lateral localisation precision.

    With p_i the precision of localisation i (``precision``): ``precision_mean`` = sum p_i / n in nm. Defined for any
    cluster.
    """

    needs: tuple[str, ...] = (PRECISION,)

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """The columns that it gives in 2 or 3 dimensions."""
        return (Column(PRECISION_MEAN, pl.Float64, "nm", "mean lateral localisation precision"),)

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measures all clusters at once; see :class:`locgraph.preparation.features.base.Feature`."""
        return {PRECISION_MEAN: groups.means(groups.extra[PRECISION])}
