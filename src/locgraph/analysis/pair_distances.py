"""One row of numbers for a field of view (FOV): histogram of pair distances, extent, number of localisations.

None of them changes when the FOV is shifted, rotated or reflected. A forest on this row is the simplest method that
knows the shape of a structure, and the control that every network has to beat.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numba
import numpy as np

from locgraph.errors import ConfigError, DataError
from locgraph.graphs.descriptors import pair_histogram, principal_deviations, sampled

_RANGE_QUANTILE: Final = 0.99


def fov_descriptor(positions: np.ndarray, *, max_distance_nm: float, with_count: bool, n_bins: int = 60) -> np.ndarray:
    """Describes one FOV by its pair distances and its extent.

    The histogram (the distribution D2 of Osada et al. 2002, 10.1145/571647.571648) has bins of equal width from 0 to
    ``max_distance_nm``, the last of which also holds all that is farther; it sums to 1, or to 0 where there is only one
    localisation. Of more than ``MAX_LOCALISATIONS`` localisations a random subset, the same every time, gives the
    pairs; extent and number are always those of all of them.

    Args:
        positions: (N, D) float64 in nm, N >= 1.
        max_distance_nm: Upper end of the histogram in nm, from `fit_max_distance` on the training FOVs.
        with_count: Append the number of localisations N.
        n_bins: Number of bins.

    Returns:
        (n_bins + D,) float64, or (n_bins + D + 1,) with the count: the histogram, then the standard deviations in nm
        along the principal axes (square roots of the eigenvalues of the covariance), largest first, then N.

    Raises:
        DataError: There is no localisation, or a coordinate is not finite.
        ConfigError: ``max_distance_nm`` or ``n_bins`` is not positive.
    """
    if not (np.isfinite(max_distance_nm) and max_distance_nm > 0):
        raise ConfigError(f"max_distance_nm must be a positive length, found {max_distance_nm}")
    if n_bins < 1:
        raise ConfigError(f"n_bins must be at least 1, found {n_bins}")
    centred = _centred(positions)
    parts = [pair_histogram(sampled(centred), n_bins, max_distance_nm), principal_deviations(centred)]
    if with_count:
        parts.append(np.array([len(centred)], dtype=np.float64))
    return np.concatenate(parts)


def fit_max_distance(fovs: Iterable[np.ndarray]) -> float:
    """Upper end of the histogram for a set of FOVs: the 99 % quantile of their largest pair distances.

    A quantile, so that one FOV with a stray localisation far away does not squeeze all others into the first bins.

    Args:
        fovs: Positions (N, D) in nm of each FOV. Hand over training FOVs only: the range is learnt from data.

    Returns:
        The distance in nm.

    Raises:
        DataError: There is no FOV, or none with two localisations at different places.
    """
    largest = [_largest_distance(sampled(_centred(positions))) for positions in fovs]
    found = float(np.quantile(largest, _RANGE_QUANTILE)) if largest else 0.0
    if found <= 0:
        raise DataError(
            f"expected FOVs with localisations at different places, found none among {len(largest)}: "
            "pair distances have no range (see data.raw_dir and columns.names)"
        )
    return found


def _centred(positions: np.ndarray) -> np.ndarray:
    """Positions relative to their mean, float64, checked."""
    points = np.asarray(positions, dtype=np.float64)
    if points.ndim != 2 or 0 in points.shape:
        raise DataError(f"expected positions (N, D) of at least one localisation, found shape {points.shape}")
    if not np.isfinite(points).all():
        raise DataError("expected finite positions, found NaN or infinity: locgraph.io.read refuses such rows")
    return points - points.mean(axis=0)


@numba.njit(cache=True)
def _largest_distance(points: np.ndarray) -> float:  # pragma: no cover (compiled)
    largest = 0.0
    for first in range(points.shape[0]):
        for second in range(first):
            squared = 0.0
            for axis in range(points.shape[1]):
                squared += (points[first, axis] - points[second, axis]) ** 2
            largest = max(largest, squared)
    return np.sqrt(largest)
