"""Fourier ring correlation of two images, Fourier shell correlation of two volumes, and the resolution they state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

ONE_SEVENTH: Final = "1/7"
HALF_BIT: Final = "half-bit"

CRITERIA: Final = (ONE_SEVENTH, HALF_BIT)
"""Thresholds: 1/7 (Nieuwenhuizen et al. 2013, 10.1038/nmeth.2448) is the usual one of localisation microscopy; half a
bit of information for each Fourier component (van Heel and Schatz 2005, 10.1016/j.jsb.2005.05.009) allows for the
number of components of a ring."""

_FIXED: Final = 1 / 7
_SMOOTHED_RINGS: Final = 3


@dataclass(frozen=True)
class RingCorrelation:
    """Correlation of the Fourier components of two images, ring by ring.

    Attributes:
        frequency: (F,) float64, middle of each ring in 1/nm, increasing, the ring of frequency 0 left out.
        correlation: (F,) float64 in [-1, 1].
        n_components: (F,) int64, independent Fourier components of each ring: half of all, as the images are real.
    """

    frequency: np.ndarray
    correlation: np.ndarray
    n_components: np.ndarray

    def threshold(self, criterion: str = ONE_SEVENTH) -> np.ndarray:
        """Return the threshold (F,) of one of `CRITERIA`."""
        if criterion == ONE_SEVENTH:
            return np.full(self.frequency.size, _FIXED)
        root = np.sqrt(self.n_components)
        return (0.2071 + 1.9102 / root) / (1.2071 + 0.9102 / root)

    def resolution_nm(self, criterion: str = ONE_SEVENTH) -> float | None:
        """Return the inverse of the frequency at which the correlation falls below a threshold for the first time.

        The correlation is averaged over three rings first, as single rings of few components scatter.

        Args:
            criterion: One of `CRITERIA`.

        Returns:
            Resolution in nm; twice the pixel size where the correlation stays above the threshold, as the images end
            there; None where it is below in the first ring, or there is no ring.
        """
        if not self.frequency.size:
            return None
        weights = np.ones(_SMOOTHED_RINGS)
        smooth = np.convolve(self.correlation, weights, "same") / np.convolve(
            np.ones(self.frequency.size), weights, "same"
        )
        excess = smooth - self.threshold(criterion)
        below = np.flatnonzero(excess < 0)
        if not below.size:
            return float(1 / self.frequency[-1])
        first = int(below[0])
        if first == 0:
            return None
        high, low = excess[first - 1], excess[first]
        part = high / (high - low)
        step = self.frequency[first] - self.frequency[first - 1]
        return float(1 / (self.frequency[first - 1] + part * step))


def ring_correlation(first: np.ndarray, second: np.ndarray, pixel_nm: float) -> RingCorrelation:
    """Correlate two images (rings) or volumes (shells) in Fourier space.

    Source: Saxton and Baumeister 1982, 10.1111/j.1365-2818.1982.tb00405.x.

    Args:
        first: Image (M, M) or volume (M, M, M), M at least 2, as many pixels along each axis.
        second: Another one of the same pixels.
        pixel_nm: Size of a pixel.

    Returns:
        The correlation of rings one Fourier pixel wide up to the Nyquist frequency. A ring in which one of the two is
        empty has correlation 0.
    """
    spectra = [np.fft.fftn(values) for values in (first, second)]
    size = first.shape[0]
    axis = np.fft.fftfreq(size) * size
    radius = np.sqrt(sum(part**2 for part in np.meshgrid(*([axis] * first.ndim), indexing="ij")))
    ring = np.rint(radius).astype(np.int64).ravel()
    n_rings = size // 2 + 1

    def summed(values: np.ndarray) -> np.ndarray:
        return np.bincount(ring, values.ravel(), minlength=n_rings)[1:n_rings]

    cross = summed((spectra[0] * spectra[1].conj()).real)
    powers = [summed(np.abs(spectrum) ** 2) for spectrum in spectra]
    scale = np.sqrt(powers[0] * powers[1])
    correlation = np.divide(cross, scale, out=np.zeros_like(cross), where=scale > 0)
    counts = np.bincount(ring, minlength=n_rings)[1:n_rings]
    frequency = np.arange(1, n_rings) / (size * pixel_nm)
    return RingCorrelation(frequency, np.clip(correlation, -1, 1), np.maximum(counts // 2, 1))
