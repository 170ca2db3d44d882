"""How much of its hull, or of the disc or ball of its length, a cluster fills."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from scipy.spatial import Delaunay, QhullError

from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.hull import hulls
from locgraph.preparation.features.shape import ratio
from locgraph.schema import Column
from locgraph.settings import check_length

COMPACTNESS: Final = "compactness"


class Compactness:
    """Diameter of the disc or ball of the same size over the largest diameter.

    With A the area (2D) or V the volume (3D) of the convex hull, and L the largest distance between two localisations
    (the largest Feret diameter): ``compactness`` = sqrt(4 A / pi) / L, in 3D cbrt(6 V / pi) / L, without unit
    (10.1186/1746-160X-2-4, table 1, there in 2D). It is 1 for a disc or a ball, and never more: no shape of the same
    diameter is larger (isodiametric inequality).

    Coincident localisations, a single one, collinear ones, and coplanar ones in 3D: 0.
    """

    needs: tuple[str, ...] = ()

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """Return the columns in 2 or 3 dimensions."""
        return (Column(COMPACTNESS, pl.Float64, "1", "0 on a line (in a plane in 3D), 1 a disc (a ball)"),)

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measure all clusters at once."""
        _, content, length = groups.once(hulls)
        equal = np.sqrt(4 * content / np.pi) if groups.dimensions == 2 else np.cbrt(6 * content / np.pi)
        return {COMPACTNESS: np.minimum(ratio(equal, length), 1.0)}


SOLIDITY: Final = "solidity"

_AT_MOST: Final = 1 + 1e-9


class Solidity:
    """Area or volume of the alpha shape over that of the convex hull.

    The alpha shape is the union of the Delaunay triangles (3D: tetrahedra) of the localisations whose circumscribed
    circle (sphere) has a radius of at most ``alpha_nm`` (Edelsbrunner et al. 1983, 10.1109/TIT.1983.1056714; 3D:
    Edelsbrunner and Muecke 1994, 10.1145/174462.156635). With S its area (volume) and H that of the convex hull,
    ``solidity`` = S / H, without unit: 1 for a cluster that is filled, less with a bay, a hole, or separate parts; 0
    where no triangle is so small.

    Coincident localisations, a single one, collinear ones, and coplanar ones in 3D: 0; so too where Qhull finds the
    cluster too thin to triangulate.

    Each cluster takes a triangulation of its own: of all features this is by far the slowest.

    Args:
        alpha_nm: Largest radius in nm: about that of the smallest bay or hole which is to be seen, and well above the
            distance between neighbours. Larger comes closer to the convex hull.

    Raises:
        ConfigError: ``alpha_nm`` is no length above 0.
    """

    needs: tuple[str, ...] = ()

    def __init__(self, alpha_nm: float) -> None:
        self.alpha_nm = check_length("alpha_nm", alpha_nm)

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """Return the columns in 2 or 3 dimensions."""
        return (Column(SOLIDITY, pl.Float64, "1", f"alpha shape ({self.alpha_nm:g} nm) per convex hull"),)

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measure all clusters at once."""
        _, content, _ = groups.once(hulls)
        simplices, clusters = _triangulate(groups, content > 0)
        sizes, small = _measure(groups.centred[simplices], self.alpha_nm)
        filled = np.bincount(clusters[small], weights=sizes[small], minlength=len(content))
        return {SOLIDITY: np.minimum(ratio(filled, content), 1.0)}


def _triangulate(groups: Groups, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the Delaunay simplices of the chosen clusters (C,) bool: rows of corners (M, D + 1), clusters (M,)."""
    D = groups.dimensions
    simplices, clusters = [np.empty((0, D + 1), dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for cluster in np.flatnonzero(chosen):
        first, end = groups.offsets[cluster], groups.offsets[cluster + 1]
        try:
            corners = Delaunay(groups.centred[first:end]).simplices
        except QhullError:  # too thin for Qhull's own bound on rounding: no simplex
            continue
        simplices.append(corners + first)
        clusters.append(np.full(len(corners), cluster))
    return np.concatenate(simplices), np.concatenate(clusters)


def _measure(corners: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the size of simplices with corners (M, D + 1, D), and whether the circumradius is at most ``radius``."""
    edges = corners[:, 1:] - corners[:, :1]
    squares = np.einsum("mij,mij->mi", edges, edges)
    if edges.shape[2] == 2:
        u, v = edges[:, 0], edges[:, 1]
        determinant = np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])
        centre = squares[:, :1] * v - squares[:, 1:] * u  # times twice the determinant, and turned by a right angle
        sizes = determinant / 2
    else:
        u, v, w = edges[:, 0], edges[:, 1], edges[:, 2]
        faces = np.cross(v, w), np.cross(w, u), np.cross(u, v)
        determinant = np.abs(np.einsum("mi,mi->m", u, faces[0]))
        centre = sum(squares[:, i, None] * face for i, face in enumerate(faces))
        sizes = determinant / 6
    # compared times the size, as a flat simplex has no centre; a radius equal to the limit counts
    return sizes, np.linalg.norm(centre, axis=1) <= 2 * radius * _AT_MOST * determinant
