"""The density that objects are laid upon: sums of Gaussians on a grid, with the gradient that moves an object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter

_REACH: Final = 3.5
_PIXELS_PER_WIDTH: Final = 2.0
_MOST_PIXELS: Final = {2: 320, 3: 48}
_LEAST_PIXELS: Final = 8
_UNEQUAL: Final = 1.6
_QUANTILES: Final = (0.25, 0.75)


@dataclass(frozen=True)
class Points:
    """Weighted localisations, each of one of a few widths.

    Attributes:
        places: (N, D) float64 in nm.
        levels: (N,) int64, index into the widths of the `Kernel`.
        weights: (N,) float64.
    """

    places: np.ndarray
    levels: np.ndarray
    weights: np.ndarray

    def of_one_level(self) -> Points:
        """Return the same localisations with the first width, for a kernel of one level."""
        return Points(self.places, np.zeros_like(self.levels), self.weights)


def join(several: Sequence[Points]) -> Points:
    """Return all localisations of several sets."""
    return Points(
        *(np.concatenate([getattr(each, name) for each in several]) for name in ("places", "levels", "weights"))
    )


def width_levels(widths: np.ndarray) -> np.ndarray:
    """Return the few widths (L,) in nm that stand for all: one where they hardly differ, else two.

    Args:
        widths: (N,) localisation precision in nm.
    """
    low, high = np.quantile(widths, _QUANTILES)
    return np.array([low, high]) if high > _UNEQUAL * low else np.array([np.median(widths)])


def nearest_level(widths: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return the index (N,) of the level (L,) whose ratio to each width (N,) is nearest to 1."""
    return np.abs(np.log(widths[:, None] / levels)).argmin(axis=1)


@dataclass(frozen=True)
class Kernel:
    """How near two localisations have to be, and the grid that this needs.

    The overlap of two localisations with precisions s and t is a Gaussian of their distance with variance s^2 + t^2,
    and ``blur_nm`` squared on top.

    Attributes:
        levels: (L,) widths in nm.
        blur_nm: Additional width.
        half_nm: Half the side of the grid about the origin.
        dimensions: 2 or 3.
    """

    levels: np.ndarray
    blur_nm: float
    half_nm: float
    dimensions: int

    @cached_property
    def n_pixels(self) -> int:
        """Pixels along each axis."""
        wanted = 2 * self.half_nm * _PIXELS_PER_WIDTH / np.sqrt(2 * self.levels.min() ** 2 + self.blur_nm**2)
        return int(np.clip(np.ceil(wanted), _LEAST_PIXELS, _MOST_PIXELS[self.dimensions]))

    @cached_property
    def pixel_nm(self) -> float:
        """Size of a pixel."""
        return 2 * self.half_nm / self.n_pixels

    def variance(self, first: int, second: int) -> float:
        """Return the variance in nm^2 of the overlap of two levels, which a coarse grid may widen."""
        wanted = self.levels[first] ** 2 + self.levels[second] ** 2 + self.blur_nm**2
        return float(max(wanted, self.pixel_nm**2))

    def sum(self, points: Points) -> np.ndarray:
        """Sum the Gaussians of localisations.

        Args:
            points: Those outside the grid are not counted. A kernel of one level gives all of them its width.

        Returns:
            (L, pixels, 2 + D) float32: for a localisation of each level at the middle of each pixel, the density, the
            density over the variance, and that times the positions in nm.
        """
        n, d = self.n_pixels, self.dimensions
        points = points.of_one_level() if len(self.levels) == 1 else points
        pixels = np.floor((points.places + self.half_nm) / self.pixel_nm).astype(np.int64)
        inside = ((pixels >= 0) & (pixels < n)).all(axis=1)
        flat = np.ravel_multi_index(tuple(pixels[inside].T), (n,) * d)
        fields = np.zeros((len(self.levels), n**d, 2 + d), np.float32)
        for source in range(len(self.levels)):
            mine = points.levels[inside] == source
            if not mine.any():
                continue
            weights, places = points.weights[inside][mine], points.places[inside][mine]
            columns = [weights, *(weights * places[:, axis] for axis in range(d))]
            sums = [np.bincount(flat[mine], column, minlength=n**d).reshape((n,) * d) for column in columns]
            for level in range(len(self.levels)):
                variance = self.variance(level, source)
                sigma = np.sqrt(variance) / self.pixel_nm
                blurred = [
                    gaussian_filter(each.astype(np.float32), sigma, mode="constant", truncate=_REACH) for each in sums
                ]
                # of a normalised Gaussian: precise localisations overlap more
                fields[level, :, 0] += blurred[0].ravel() / self.pixel_nm**d
                for column, values in enumerate(blurred):
                    fields[level, :, 1 + column] += values.ravel() / (variance * self.pixel_nm**d)
        self._clear_border(fields)
        return fields

    def _clear_border(self, fields: np.ndarray) -> None:
        """Set the outermost pixels to 0, which stand for all that is outside."""
        n, d = self.n_pixels, self.dimensions
        grid = fields.reshape(len(self.levels), *(n,) * d, -1)
        for axis in range(1, d + 1):
            np.moveaxis(grid, axis, 0)[[0, -1]] = 0


@dataclass(frozen=True)
class Template:
    """A density on a grid.

    Attributes:
        kernel: Widths and grid.
        fields: As `Kernel.sum` returns them.
    """

    kernel: Kernel
    fields: np.ndarray

    def sample(self, places: np.ndarray, levels: np.ndarray) -> np.ndarray:
        """Interpolate the fields linearly.

        Args:
            places: (..., N, D) positions in nm.
            levels: (N,) level of each, which a kernel of one level takes no notice of.

        Returns:
            (..., N, 2 + D) float32.
        """
        n, d = self.kernel.n_pixels, self.kernel.dimensions
        levels = levels if len(self.kernel.levels) > 1 else np.zeros_like(levels)
        scaled = (places + self.kernel.half_nm) / self.kernel.pixel_nm - 0.5
        scaled = np.clip(scaled, 0, n - 1.001)
        whole = scaled.astype(np.int64)
        part = (scaled - whole).astype(np.float32)
        strides = n ** np.arange(d - 1, -1, -1)
        base = whole @ strides + levels * n**d
        flat = self.fields.reshape(-1, 2 + d)
        result = np.zeros((*base.shape, 2 + d), np.float32)
        for corner in product((0, 1), repeat=d):
            weight = np.ones(base.shape, np.float32)
            for axis, upper in enumerate(corner):
                weight = weight * (part[..., axis] if upper else 1 - part[..., axis])
            result += weight[..., None] * flat.take(base + int(np.dot(corner, strides)), axis=0)
        return result

    @cached_property
    def largest(self) -> float:
        """The largest density."""
        return float(self.fields[..., 0].max())

    def density_at(self, points: Points) -> np.ndarray:
        """Return the density (N,) at localisations."""
        return self.sample(points.places, points.levels)[..., 0]
