"""Descriptors: one row of numbers for a whole field of view (numpy alone, no torch)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, Protocol

import numba
import numpy as np
import polars as pl
from scipy.spatial import cKDTree

from locgraph.errors import ConfigError
from locgraph.preparation.order import order_points
from locgraph.schema import LOG, Column
from locgraph.settings import check_number, check_whole

MAX_LOCALISATIONS: Final = 2000
"""Of a bigger FOV this many localisations are looked at where time would grow with the square of their number."""

_SEED: Final = 0


class Descriptor(Protocol):
    """Contract of descriptors: the localisations of one view to finite numbers, for one localisation and more.

    They stay as they are when the FOV is shifted, rotated or reflected, so that augmentation leaves them true.
    """

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """Return the columns in 2 or 3 dimensions."""
        ...

    def compute(self, points: np.ndarray) -> np.ndarray:
        """Describe one FOV.

        Args:
            points: Positions (N, D) float64 nm about their mean, N at least 1.

        Returns:
            (F,) float64, one entry for each of ``columns(D)``.
        """
        ...


def describe(points: np.ndarray, descriptors: Mapping[str, Descriptor]) -> tuple[np.ndarray, np.ndarray]:
    """Describe one FOV by several descriptors, in the order of their names.

    Args:
        points: Positions (N, D) float64 nm about their mean, N at least 1.
        descriptors: By name.

    Returns:
        Values (F,) float64 and the power of length of each (F,) int64.
    """
    values, powers = [np.empty(0)], []
    for name in sorted(descriptors):  # the order of settings is no setting
        values.append(descriptors[name].compute(points))
        powers += [column.length_power for column in descriptors[name].columns(points.shape[1])]
    return np.concatenate(values), np.array(powers, dtype=np.int64)


def draw_sample(points: np.ndarray) -> np.ndarray:
    """Return at most ``MAX_LOCALISATIONS`` of the points (N, D), a random subset that is the same every time.

    It depends neither on the order of the rows nor on how the FOV lies, but for rounding.
    """
    if len(points) <= MAX_LOCALISATIONS:
        return points
    chosen = np.random.default_rng(_SEED).choice(len(points), MAX_LOCALISATIONS, replace=False)
    return points[order_points(points)[chosen]]


def extent(points: np.ndarray) -> float:
    """Return the root mean square distance from the origin, in the unit of the points (N, D)."""
    return float(np.sqrt(np.einsum("ij,ij->", points, points) / len(points)))


def unit_of(points: np.ndarray, nm_per_unit: float | None) -> float:
    """Return the unit of distances in nm: a given one, or the extent of the FOV; 1 where this is 0.

    Args:
        points: Positions (N, D) float64 nm about their mean.
        nm_per_unit: The setting.
    """
    return nm_per_unit or extent(points) or 1.0


def check_unit(nm_per_unit: float | None) -> None:
    """Refuse a unit of distances that is no length.

    Raises:
        ConfigError: It is neither None nor a finite length above 0.
    """
    if nm_per_unit is not None and not 0.0 < nm_per_unit < np.inf:
        raise ConfigError(f"expected a length above 0 in nm, or null, found {nm_per_unit}", setting="nm_per_unit")


class PairDistances:
    """Histogram of pair distances: the distribution D2 of Osada et al. 2002, 10.1145/571647.571648.

    Bins have equal width from 0 to ``longest``, the last one also holds all that is farther. It sums to 1, or to 0
    where there is one localisation alone. Of more than ``MAX_LOCALISATIONS`` localisations a random subset, the same
    every time, gives the pairs, so that time does not grow with the square of their number.

    Args:
        n_bins: Number of bins.
        longest: Upper end of the histogram, in units of distance.
        nm_per_unit: Nanometres in one unit of distance; None takes the extent of each FOV, the root mean square
            distance of its localisations from their centre, so that the histogram describes shape and not size.

    Raises:
        ConfigError: A number is out of range.
    """

    def __init__(self, n_bins: int = 32, longest: float = 4.0, nm_per_unit: float | None = None) -> None:
        check_unit(nm_per_unit)
        self.n_bins = check_whole("n_bins", n_bins, at_least=1)
        self.longest = check_number("longest", longest, above=0)
        self.nm_per_unit = nm_per_unit

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """Return the columns in 2 or 3 dimensions."""
        meaning = "part of the pairs of localisations with a distance in this bin"
        return tuple(Column(f"pair_distances_{index}", pl.Float32, "1", meaning) for index in range(self.n_bins))

    def compute(self, points: np.ndarray) -> np.ndarray:
        """Return the histogram (n_bins,) float64 for positions (N, D) float64 nm about their mean."""
        return pair_histogram(draw_sample(points), self.n_bins, self.longest * unit_of(points, self.nm_per_unit))


def pair_histogram(points: np.ndarray, n_bins: int, longest: float) -> np.ndarray:
    """Return the part of the pairs whose distance lies in each of the bins of equal width from 0 to ``longest``.

    Args:
        points: Positions (N, D) float64, any unit; time grows with the square of N.
        n_bins: Number of bins; the last one also holds all that is farther.
        longest: Upper end, in the unit of the points.

    Returns:
        (n_bins,) float64 that sum to 1, or to 0 where there is no pair.
    """
    counts = _count_pairs(np.ascontiguousarray(points), n_bins, float(longest))
    return counts / max(int(counts.sum()), 1)


@numba.njit(cache=True)
def _count_pairs(points: np.ndarray, n_bins: int, longest: float) -> np.ndarray:  # pragma: no cover (compiled)
    """Return the number of pairs in each bin, (n_bins,) int64, without ever holding all distances."""
    counts = np.zeros(n_bins, dtype=np.int64)
    per_length = n_bins / longest
    for first in range(points.shape[0]):
        for second in range(first):
            squared = 0.0
            for axis in range(points.shape[1]):
                squared += (points[first, axis] - points[second, axis]) ** 2
            # compared as a number: a distance far outside would overflow an integer
            place = np.sqrt(squared) * per_length
            counts[int(place) if place < n_bins else n_bins - 1] += 1
    return counts


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
                f"expected one or more numbers that ascend from above 0, found {list(radii)}", setting="radii"
            )
        check_unit(nm_per_unit)
        self.radii, self.nm_per_unit = given, nm_per_unit

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """Return the columns in 2 or 3 dimensions."""
        meaning = "Ripley's L at this radius, in the unit of the radius"
        return tuple(Column(f"ripley_l_{radius:g}", pl.Float32, "1", meaning) for radius in self.radii)

    def compute(self, points: np.ndarray) -> np.ndarray:
        """Return L at each radius (F,) float64 in units of distance, for positions (N, D) nm about their mean."""
        n, dimensions = points.shape
        if n < 2:
            return np.zeros(len(self.radii))
        unit, chosen = unit_of(points, self.nm_per_unit), draw_sample(points)
        # in units of distance, which keep the trees from rounding in other ways at other scales
        near = cKDTree(chosen / unit).count_neighbors(cKDTree(points / unit), np.array(self.radii))
        part = (near - len(chosen)) / (len(chosen) * (n - 1.0))  # each one finds itself
        disc = np.sqrt((dimensions + 2.0) / dimensions) * extent(points) / unit
        return disc * part ** (1.0 / dimensions)


class Covariance:
    """Standard deviations of the localisations along their principal axes, largest first.

    They are the square roots of the eigenvalues of the covariance, so lengths in nm; 0 where there is one place alone.
    """

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """Return the columns in 2 or 3 dimensions."""
        meaning = "standard deviation along a principal axis, largest first"
        return tuple(Column(f"deviation_{index}", pl.Float32, "nm", meaning, LOG) for index in range(dimensions))

    def compute(self, points: np.ndarray) -> np.ndarray:
        """Return the deviations (D,) float64 nm for positions (N, D) float64 nm about their mean."""
        return principal_deviations(points)


def principal_deviations(points: np.ndarray) -> np.ndarray:
    """Return the standard deviations along the principal axes (D,), largest first, in the unit of the points."""
    centred = points - points.mean(axis=0)
    covariance = centred.T @ centred / len(centred)
    return np.sqrt(np.clip(np.linalg.eigvalsh(covariance)[::-1], 0.0, None))
