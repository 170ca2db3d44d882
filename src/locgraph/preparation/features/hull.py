"""Shape of a cluster from the convex hull of its localisations."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from locgraph.preparation.features.grouping import Groups
from locgraph.preparation.features.hull_planar import planar_hulls
from locgraph.preparation.features.hull_solid import solid_hulls
from locgraph.preparation.features.pca import ratio
from locgraph.schema import Column

PERIMETER_HULL: Final = "perimeter_hull"
AREA_HULL: Final = "area_hull"
SURFACE_HULL: Final = "surface_hull"
VOLUME_HULL: Final = "volume_hull"
LENGTH_HULL: Final = "length_hull"
CIRCULARITY: Final = "circularity"
SPHERICITY: Final = "sphericity"
DENSITY_HULL: Final = "density_hull"


class Hull:
    """Convex hull of the positions.

    In 2D, with perimeter P and area A of the hull: ``perimeter_hull`` P in nm, ``area_hull`` A in nm^2,
    ``length_hull``, the largest distance between two vertices, in nm, ``circularity`` = 4 pi A / P^2 (isoperimetric
    quotient: 1 for a disc, 0 for a line; Cox 1927, J. Paleontol. 1, 179-183), ``density_hull`` = n / A in 1/nm^2.

    In 3D, with surface S and volume V: ``surface_hull`` S in nm^2, ``volume_hull`` V in nm^3, ``length_hull`` in nm,
    ``sphericity`` = pi^(1/3) (6 V)^(2/3) / S (1 for a ball, 0 for a disc; Wadell 1932, J. Geol. 40, 443-451),
    ``density_hull`` = n / V in 1/nm^3.

    A hull without area (2D) or volume (3D) is the limit of one that gets ever thinner: a collinear cluster of length L
    has the perimeter 2 L; a coplanar one of area A in 3D has the surface 2 A; its area or volume, circularity or
    sphericity, and its density are 0. Coincident localisations, and a single one: all 0. Widths that are rounding alone
    (:meth:`Groups.thinnest`) count as 0.
    """

    needs: tuple[str, ...] = ()

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """The columns that it gives in 2 or 3 dimensions."""
        length = Column(LENGTH_HULL, pl.Float64, "nm", "largest distance between two localisations")
        if dimensions == 2:
            return (
                Column(PERIMETER_HULL, pl.Float64, "nm", "perimeter of the convex hull"),
                Column(AREA_HULL, pl.Float64, "nm^2", "area of the convex hull"),
                length,
                Column(CIRCULARITY, pl.Float64, "1", "0 on a line, 1 a disc"),
                Column(DENSITY_HULL, pl.Float64, "1/nm^2", "localisations per area_hull"),
            )
        return (
            Column(SURFACE_HULL, pl.Float64, "nm^2", "surface of the convex hull"),
            Column(VOLUME_HULL, pl.Float64, "nm^3", "volume of the convex hull"),
            length,
            Column(SPHERICITY, pl.Float64, "1", "0 in a plane, 1 a ball"),
            Column(DENSITY_HULL, pl.Float64, "1/nm^3", "localisations per volume_hull"),
        )

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measures all clusters at once; see :class:`locgraph.preparation.features.base.Feature`."""
        rim, content, length = groups.once(hulls)
        density = ratio(groups.counts, content)
        if groups.dimensions == 2:
            roundness = np.minimum(ratio(4 * np.pi * content, rim**2), 1.0)
            named = {PERIMETER_HULL: rim, AREA_HULL: content, CIRCULARITY: roundness}
        else:
            roundness = np.minimum(ratio(np.cbrt(np.pi) * np.cbrt(6 * content) ** 2, rim), 1.0)
            named = {SURFACE_HULL: rim, VOLUME_HULL: content, SPHERICITY: roundness}
        return named | {LENGTH_HULL: length, DENSITY_HULL: density}


def hulls(groups: Groups) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rim, content and length of the convex hull of each cluster; take it by :meth:`Groups.once`.

    Args:
        groups: The localisations of C clusters.

    Returns:
        In 2D perimeter (C,) nm and area (C,) nm^2, in 3D surface (C,) nm^2 and volume (C,) nm^3; and the largest
        distance between two localisations (C,) nm.
    """
    if groups.dimensions == 2:
        return planar_hulls(groups.centred, groups.offsets, groups.resolution)
    return solid_hulls(groups)
