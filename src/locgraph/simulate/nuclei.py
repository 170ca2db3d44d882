"""Solids shaped like cell nuclei: spheres, ellipsoids, and lobed ones, each with its own axes.

A solid is star-shaped about an inner point: one surface radius for each direction. Volume, centroid and principal axes
are integrals over the directions, so that what is known of a nucleus does not depend on how it is oriented.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

SHAPES: Final = ("sphere", "ellipsoid", "lobed")

N_LOBES: Final = (2, 4)
"""Least and largest number of lobes of a lobed nucleus."""

_LOBE_HEIGHT: Final = 0.35
_LOBE_SHARPNESS: Final = 6.0
_DIRECTIONS: Final = 4000


@dataclass(frozen=True)
class Nucleus:
    """A solid about its centroid, with its longest principal axis along x and its shortest along z.

    Attributes:
        semi_axes: (3,) float64 in nm, of the ellipsoid that the lobes sit on.
        lobes: (L, 3) float64 unit vectors to the lobes, in the frame of the ellipsoid; L is 0 without lobes.
        centroid: (3,) float64 in nm, in the frame of the ellipsoid.
        axes: (3, 3) float64; columns are the principal axes in the frame of the ellipsoid, longest first, right-handed.
        extents: (3,) float64 in nm, root mean square distances from the centroid along the principal axes.
        surface: (S, 3) float64 in nm, places on the surface.
    """

    semi_axes: np.ndarray
    lobes: np.ndarray
    centroid: np.ndarray
    axes: np.ndarray
    extents: np.ndarray
    surface: np.ndarray

    @property
    def radius_nm(self) -> float:
        """Distance of the outermost place from the centroid."""
        return float(np.linalg.norm(self.surface, axis=1).max())

    def share_of_radius(self, places: np.ndarray) -> np.ndarray:
        """Return how far out places (N, 3) in nm lie, as a part (N,) of the way to the surface: above 1 is outside.

        The way is that from the inner point of the ellipsoid through the place.
        """
        own = places @ self.axes.T + self.centroid
        distance = np.linalg.norm(own, axis=1)
        directions = own / np.maximum(distance, 1e-12)[:, None]
        return distance / surface_radius(directions, self.semi_axes, self.lobes)

    def draw_places(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return uniform places (M, 3) in nm in the solid: those of ``n`` draws from its box that lie in it."""
        places = rng.uniform(self.surface.min(axis=0), self.surface.max(axis=0), (n, 3))
        return places[self.share_of_radius(places) <= 1]


def draw_nucleus(shape: str, diameter_nm: float, aspect: float, middle: float, rng: np.random.Generator) -> Nucleus:
    """Return a nucleus.

    Args:
        shape: One of ``SHAPES``.
        diameter_nm: Diameter of the ball of the same volume, in nm.
        aspect: Shortest over longest axis of the ellipsoid, above 0 and at most 1; of no effect on a sphere.
        middle: Middle over longest axis, ``aspect`` to 1; of no effect on a sphere.
        rng: Source of random numbers: number and places of lobes.
    """
    semi_axes = np.ones(3) if shape == "sphere" else np.array([1.0, middle, aspect])
    lobes = np.empty((0, 3))
    if shape == "lobed":
        lobes = rng.standard_normal((int(rng.integers(N_LOBES[0], N_LOBES[1] + 1)), 3))
        lobes /= np.linalg.norm(lobes, axis=1, keepdims=True)
    directions = spread_directions(_DIRECTIONS)
    volume = 4 * np.pi * np.mean(surface_radius(directions, semi_axes, lobes) ** 3) / 3
    semi_axes = semi_axes * diameter_nm / 2 / (3 * volume / (4 * np.pi)) ** (1 / 3)
    radius = surface_radius(directions, semi_axes, lobes)
    centroid, axes, extents = _principal_axes(directions, radius)
    return Nucleus(semi_axes, lobes, centroid, axes, extents, (directions * radius[:, None] - centroid) @ axes)


def surface_radius(directions: np.ndarray, semi_axes: np.ndarray, lobes: np.ndarray) -> np.ndarray:
    """Return the distance (N,) of the surface from the inner point, along unit vectors (N, 3)."""
    ellipsoid = 1 / np.linalg.norm(directions / semi_axes, axis=1)
    bumps = np.exp(_LOBE_SHARPNESS * (directions @ lobes.T - 1)).sum(axis=1)
    return np.asarray(ellipsoid * (1 + _LOBE_HEIGHT * bumps))


def spread_directions(n: int) -> np.ndarray:
    """Return ``n`` unit vectors (n, 3), evenly on the sphere.

    Fibonacci lattice; Gonzalez 2010 (10.1007/s11004-009-9257-x).
    """
    z = 1 - (2 * np.arange(n) + 1) / n
    angle = np.pi * (1 + np.sqrt(5)) * np.arange(n)
    across = np.sqrt(1 - z**2)
    return np.column_stack([across * np.cos(angle), across * np.sin(angle), z])


def _principal_axes(directions: np.ndarray, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return centroid (3,), axes (3, 3) in columns, and extents (3,) of a star-shaped solid, longest first."""
    volume = np.mean(radius**3) / 3
    centroid = np.mean(directions * radius[:, None] ** 4, axis=0) / 4 / volume
    second = (directions * radius[:, None] ** 5).T @ directions / len(directions) / 5 / volume
    values, axes = np.linalg.eigh(second - np.outer(centroid, centroid))
    axes = axes[:, ::-1].copy()
    axes[:, 2] *= np.linalg.det(axes)  # right-handed: a nucleus is never reflected
    return centroid, axes, np.sqrt(values[::-1])
