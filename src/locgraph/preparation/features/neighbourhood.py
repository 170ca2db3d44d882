"""How crowded it is around a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl
from scipy.spatial import cKDTree

from locgraph.preparation.features.grouping import Groups
from locgraph.preparation.features.hull import hulls
from locgraph.preparation.features.radii import ball, neighbours_within
from locgraph.schema import Column
from locgraph.settings import check_lengths, check_whole

NEIGHBOUR_DISTANCE: Final = "neighbour_distance"
NEIGHBOUR_DISTANCE_MEAN: Final = "neighbour_distance_mean"
CLUSTER_DENSITY: Final = "cluster_density"
RIPLEY_L: Final = "ripley_l"


class Neighbourhood:
    """Distances to the nearest clusters, and how many lie within some radii.

    All distances are between centres of mass. ``neighbour_distance`` is that to the nearest other cluster, in nm;
    ``neighbour_distance_mean`` the mean of those to the ``k`` nearest (to all others, where there are fewer), in nm.

    For each radius R, with m the number of other clusters at most R away, in 2D:

    - ``cluster_density_<R>nm`` = m / (pi R^2) in 1/nm^2; in 3D m / (4/3 pi R^3) in 1/nm^3.
    - ``ripley_l_<R>nm`` = sqrt(A m / (pi (C - 1))) in nm: the local L of Getis and Franklin 1987, 10.2307/1938452, with
      C the number of clusters and A the area of the field of view. About R where clusters lie at random, more among
      many. In 3D cbrt(3 V m / (4 pi (C - 1))).

    The field of view is taken to be the convex hull of all clustered localisations. **Edges are not corrected for**: a
    cluster at the rim has fewer neighbours, as those outside are not seen.

    A cluster alone: all 0. Clusters whose localisations lie on one line (in one plane in 3D): ``ripley_l`` 0.

    Args:
        k: Clusters in the mean distance.
        radii_nm: Radii R in nm, written into the names of the columns.

    Raises:
        ConfigError: ``k`` is no integer of at least 1, or a radius no length above 0.
    """

    needs: tuple[str, ...] = ()

    def __init__(self, k: int, radii_nm: Sequence[float]) -> None:
        self.k = check_whole("features.features.neighbourhood.k", k, at_least=1)
        self.radii_nm = check_lengths("features.features.neighbourhood.radii_nm", radii_nm)

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """The columns that it gives in 2 or 3 dimensions."""
        found = [
            Column(NEIGHBOUR_DISTANCE, pl.Float64, "nm", "distance to the nearest other cluster; 0 for one alone"),
            Column(NEIGHBOUR_DISTANCE_MEAN, pl.Float64, "nm", f"mean distance to the {self.k} nearest clusters"),
        ]
        for radius in self.radii_nm:
            around = f"other clusters at most {radius:g} nm away"
            found += [
                Column(_named(CLUSTER_DENSITY, radius), pl.Float64, f"1/nm^{dimensions}", f"density of {around}"),
                Column(_named(RIPLEY_L, radius), pl.Float64, "nm", f"local Ripley's L of {around}"),
            ]
        return tuple(found)

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measures all clusters at once; see :class:`locgraph.preparation.features.base.Feature`."""
        C, D = groups.places.shape
        if C < 2:
            return {column.name: np.zeros(C) for column in self.columns(D)}
        nearest = cKDTree(groups.places).query(groups.places, k=min(self.k + 1, C))[0][:, 1:]
        values = {NEIGHBOUR_DISTANCE: nearest[:, 0], NEIGHBOUR_DISTANCE_MEAN: nearest.mean(axis=1)}
        room = _field_of_view(groups)
        for radius in self.radii_nm:
            within = neighbours_within(groups.places, radius)
            values[_named(CLUSTER_DENSITY, radius)] = within / ball(radius, D)
            values[_named(RIPLEY_L, radius)] = (within / (C - 1) * room / ball(1.0, D)) ** (1 / D)
        return values


def _named(kind: str, radius: float) -> str:
    return f"{kind}_{radius:g}nm"


def _field_of_view(groups: Groups) -> float:
    """Area in nm^2 or volume in nm^3 of the convex hull of all localisations."""
    positions = groups.positions
    whole = Groups.from_labels(positions, np.zeros(len(positions), dtype=np.int64))
    return float(hulls(whole)[1][0])
