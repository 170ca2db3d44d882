"""Ripley's L function: how many localisations lie near one, at several distances."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import polars as pl
from scipy.spatial import cKDTree

from locgraph.errors import ConfigError
from locgraph.graphs.descriptors.base import check_unit, extent, sampled, unit_of
from locgraph.schema import Column


class Ripley:
    """Ripley's L at several radii: r where localisations lie at random, more where they cluster.

    With the part F of all pairs that are at most r apart, and R the radius of the disc (in 3D, ball) over which
    localisations spread evenly would have the extent of the FOV, L(r) = R F^(1/D). This is L with that disc as its
    area, since a FOV has no known border, and without a correction of the edge: compare FOVs of like shape. Of more
    than ``MAX_LOCALISATIONS`` localisations a random subset, the same every time, looks for its neighbours among all,
    by k-d trees.

    Args:
        radii: Ascending, above 0, in units of distance.
        nm_per_unit: Nanometres in one unit of distance; None takes the extent of each FOV, the root mean square
            distance of its localisations from their centre.

    Raises:
        ConfigError: A number is out of range.

    Source: Ripley 1977, 10.1111/j.2517-6161.1977.tb01615.x; L: Besag in its discussion.
    """

    def __init__(
        self, radii: Sequence[float] = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0), nm_per_unit: float | None = None
    ) -> None:
        given = tuple(radii)
        if not given or any(not low < high for low, high in pairwise((0.0, *given))) or not np.isfinite(given).all():
            raise ConfigError(
                "graph.descriptors.ripley.radii must be one or more numbers that ascend from above 0, found "
                f"{list(radii)}"
            )
        check_unit("graph.descriptors.ripley", nm_per_unit)
        self.radii, self.nm_per_unit = given, nm_per_unit

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """What it gives in 2 or 3 dimensions."""
        meaning = "Ripley's L at this radius, in the unit of the radius"
        return tuple(Column(f"ripley_l_{radius:g}", pl.Float32, "1", meaning) for radius in self.radii)

    def compute(self, points: np.ndarray) -> np.ndarray:
        """Positions (N, D) float64 nm about their mean to L at each radius (F,) float64, in units of distance."""
        n, dimensions = points.shape
        if n < 2:
            return np.zeros(len(self.radii))
        unit, chosen = unit_of(points, self.nm_per_unit), sampled(points)
        # in units of distance, which keep the trees from rounding in other ways at other scales
        near = cKDTree(chosen / unit).count_neighbors(cKDTree(points / unit), np.array(self.radii))
        part = (near - len(chosen)) / (len(chosen) * (n - 1.0))  # each one finds itself
        disc = np.sqrt((dimensions + 2.0) / dimensions) * extent(points) / unit
        return disc * part ** (1.0 / dimensions)
