"""What an average looks like: density map, radial and angular profiles, correlation of two halves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from scipy.ndimage import gaussian_filter

from locgraph import schema
from locgraph.analysis.averages import columns
from locgraph.stats.ring_correlation import RingCorrelation, ring_correlation

ANGLE_STEP_DEG: Final = 5.0

_MOST_PIXELS: Final = 512
_MOST_COMPARED: Final = {2: 768, 3: 128}
_INNER: Final = 0.99
_MARGIN: Final = 1.15
_RINGS: Final = 30


@dataclass(frozen=True)
class DensityMap:
    """Localisations of an average on square pixels, seen along z.

    Attributes:
        values: (M, M) float64, localisations per nm^2 and object, smoothed; row 0 holds the smallest y.
        low_nm: x and y of the corner of pixel (0, 0).
        pixel_nm: Size of a pixel.
        sigma_nm: Standard deviation of the smoothing: the median localisation precision.
    """

    values: np.ndarray
    low_nm: float
    pixel_nm: float
    sigma_nm: float


def half_side(points: np.ndarray) -> float:
    """Return half the side of a window about the origin that holds nearly all points (N, D)."""
    return _MARGIN * float(np.quantile(np.abs(points).max(axis=1), _INNER))


def density_map(points: np.ndarray, width_nm: float, n_objects: int) -> DensityMap:
    """Count localisations on pixels of half their precision, and smooth by the precision.

    Args:
        points: (N, D) float64 in nm, in the frame of the average.
        width_nm: Median localisation precision.
        n_objects: Objects that they come from.
    """
    half = half_side(points)
    size = int(np.clip(np.ceil(4 * half / width_nm), 16, _MOST_PIXELS))
    pixel = 2 * half / size
    counts = np.histogram2d(points[:, 1], points[:, 0], bins=size, range=[[-half, half]] * 2)[0]
    values = gaussian_filter(counts, width_nm / pixel, mode="constant") / (pixel**2 * n_objects)
    return DensityMap(values, -half, pixel, width_nm)


def radial_profile(points: np.ndarray, width_nm: float, n_objects: int) -> pl.DataFrame:
    """Return the density by distance from the centre.

    Returns:
        ``radius_nm``, the middle of each ring (in 3D shell), and ``density``, localisations per nm^2 (nm^3) and object.
    """
    radii = np.linalg.norm(points, axis=1)
    furthest = half_side(points)
    step = max(width_nm, furthest / _RINGS)
    edges = np.arange(0, furthest + step, step)
    d = points.shape[1]
    room = {2: np.pi, 3: 4 / 3 * np.pi}[d] * np.diff(edges**d)
    counts = np.histogram(radii, edges)[0]
    return pl.DataFrame({columns.RADIUS: (edges[1:] + edges[:-1]) / 2, schema.DENSITY: counts / (room * n_objects)})


def angular_profile(points: np.ndarray, n_objects: int) -> pl.DataFrame:
    """Return the density by angle about the z axis, in 2D about the centre.

    Returns:
        ``angle_deg``, the middle of each step counted from x, and ``density``, localisations per degree and object.
    """
    angles = np.degrees(np.arctan2(points[:, 1], points[:, 0])) % 360
    edges = np.arange(0, 360 + ANGLE_STEP_DEG, ANGLE_STEP_DEG)
    counts = np.histogram(angles, edges)[0]
    density = counts / (ANGLE_STEP_DEG * n_objects)
    return pl.DataFrame({columns.ANGLE: (edges[1:] + edges[:-1]) / 2, schema.DENSITY: density})


def correlate_halves(first: np.ndarray, second: np.ndarray, width_nm: float) -> RingCorrelation:
    """Correlate two averages in Fourier space, counted on pixels of half the precision where memory allows.

    Args:
        first: (N, D) float64 in nm.
        second: (M, D) in the same frame.
        width_nm: Median localisation precision.
    """
    half, d = half_side(np.concatenate([first, second])), first.shape[1]
    size = int(np.clip(np.ceil(4 * half / width_nm), 16, _MOST_COMPARED[d]))
    images = [np.histogramdd(points, bins=size, range=[(-half, half)] * d)[0] for points in (first, second)]
    return ring_correlation(images[0], images[1], 2 * half / size)
