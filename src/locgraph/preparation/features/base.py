"""Contracts of features, and the localisations sorted and centred by cluster that they all start from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar, runtime_checkable

import numpy as np

from locgraph.errors import DataError
from locgraph.schema import Column


@runtime_checkable
class Feature(Protocol):
    """Contract of features of clusters: one number for each cluster and column, defined and finite for every cluster.

    Attributes:
        needs: Localisation columns that it reads besides the positions; found in :attr:`Groups.extra`.
    """

    needs: tuple[str, ...]

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """Return the columns in 2 or 3 dimensions."""
        ...

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measure all clusters at once.

        Args:
            groups: The localisations of C clusters.

        Returns:
            Name to values (C,) float64, one entry for each of ``columns(groups.dimensions)``.
        """
        ...


@runtime_checkable
class LocalisationFeature(Protocol):
    """Contract of features of localisations: one number for each localisation and column, always defined and finite.

    Attributes:
        needs: Localisation columns that it reads besides the positions; found in :attr:`Groups.extra`.
    """

    needs: tuple[str, ...]

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """Return the columns in 2 or 3 dimensions."""
        ...

    def measure(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measure all localisations at once.

        Args:
            groups: N localisations, sorted by cluster.

        Returns:
            Name to values (N,) float64 in the order of ``groups``, one entry for each of
            ``columns(groups.dimensions)``.
        """
        ...


_THIN: Final = 1e-9  # width per length below which a cluster counts as flat
_STEPS: Final = 8  # float64 steps that moving and rotating a cluster may leave in its coordinates
_LARGEST: Final = 1e100  # nm: squares and products of three lengths stay finite

T = TypeVar("T")


@dataclass(frozen=True)
class Groups:
    """Localisations of C clusters, one cluster after the other.

    Positions are relative to the centre of their own cluster. They are moved there before anything is multiplied, so
    that a cluster 1 m from the origin is measured as well as one at the origin.

    Attributes:
        order: Row of the input of each sorted localisation (N,) int64.
        offsets: First row of each cluster, and N at the end (C + 1,) int64.
        centres: Centre of mass of each cluster (C, D) float64 nm.
        places: The same, relative to the smallest coordinates of all localisations (C, D) float64 nm: distances between
            clusters keep their digits, however far from the origin.
        centred: Positions relative to the centre of the cluster (N, D) float64 nm, sorted by cluster.
        resolution: Step between float64 numbers at the largest coordinate of each cluster (C,) float64 nm.
        extra: Further columns, name to values (N,), sorted by cluster.
    """

    order: np.ndarray
    offsets: np.ndarray
    centres: np.ndarray
    places: np.ndarray
    centred: np.ndarray
    resolution: np.ndarray
    extra: Mapping[str, np.ndarray]
    _cache: dict[Callable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def from_labels(
        cls, points: np.ndarray, labels: np.ndarray, columns: Mapping[str, np.ndarray] | None = None
    ) -> Groups:
        """Sort and centre localisations.

        Args:
            points: Positions (N, D) nm, D is 2 or 3.
            labels: Cluster of each localisation (N,) integer; 0 to C - 1, each at least once.
            columns: Further columns, name to values (N,).

        Returns:
            The groups; rows of one cluster keep their order.

        Raises:
            DataError: Shapes do not fit, a position is not finite, or a cluster number is negative or missing.
        """
        points = np.asarray(points, dtype=np.float64)
        labels = np.asarray(labels)
        columns = {} if columns is None else columns
        counts = _check(points, labels, columns)
        offsets = np.r_[0, np.cumsum(counts)].astype(np.int64)
        if np.all(labels[1:] >= labels[:-1]):
            order = np.arange(len(labels))
        else:
            order = np.argsort(labels, kind="stable")
            points = points[order]
        references = points[offsets[:-1]]
        shifted = points - np.repeat(references, counts, axis=0)
        means = _sums(shifted, offsets) / counts[:, None]
        return cls(
            order=order,
            offsets=offsets,
            centres=references + means,
            places=(references - points.min(axis=0, initial=np.inf)) + means,
            centred=shifted - np.repeat(means, counts, axis=0),
            resolution=np.spacing(_largest(np.abs(points).max(axis=1, initial=0.0), offsets)),
            extra={name: np.asarray(values)[order] for name, values in columns.items()},
        )

    @property
    def dimensions(self) -> int:
        """Return the number of coordinates, 2 or 3."""
        return self.centred.shape[1]

    @property
    def counts(self) -> np.ndarray:
        """Return the number of localisations in each cluster (C,) int64."""
        return np.diff(self.offsets)

    @property
    def clusters(self) -> np.ndarray:
        """Return the cluster of each sorted localisation (N,) int64."""
        return np.repeat(np.arange(len(self.offsets) - 1), self.counts)

    @property
    def positions(self) -> np.ndarray:
        """Return the positions relative to the smallest coordinates (N, D) float64 nm, sorted by cluster."""
        return self.centred + self.repeat(self.places)

    def once(self, measure: Callable[[Groups], T]) -> T:
        """Return ``measure(self)``, computed the first time only: features share what is costly to compute."""
        if measure not in self._cache:
            self._cache[measure] = measure(self)
        return self._cache[measure]

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Return the sum over each cluster of values (N,) or (N, K), sorted by cluster: (C,) or (C, K) float64."""
        return _sums(values, self.offsets)

    def means(self, values: np.ndarray) -> np.ndarray:
        """Return the mean over each cluster of values (N,), sorted by cluster: (C,) float64."""
        return self.sums(values) / self.counts

    def medians(self, values: np.ndarray) -> np.ndarray:
        """Return the median over each cluster of values (N,), sorted by cluster: (C,) float64; mean of two if even."""
        ordered = np.asarray(values, dtype=np.float64)[np.lexsort((values, self.clusters))]
        first, counts = self.offsets[:-1], self.counts
        return (ordered[first + (counts - 1) // 2] + ordered[first + counts // 2]) / 2.0

    def repeat(self, values: np.ndarray) -> np.ndarray:
        """Return the value of its cluster for each localisation: (C, ...) to (N, ...)."""
        return np.repeat(values, self.counts, axis=0)

    def thinnest(self, lengths: np.ndarray) -> np.ndarray:
        """Return :func:`thinnest` of these clusters' lengths (C,) nm: (C,) nm."""
        return thinnest(lengths, self.resolution)


def thinnest(lengths: np.ndarray, resolution: np.ndarray) -> np.ndarray:
    """Return the largest width that is rounding alone.

    A cluster that is no wider counts as flat: its area or volume is 0, and not a number made of rounding errors.

    Args:
        lengths: Length of each cluster (C,) nm.
        resolution: Step between float64 numbers at the coordinates of each cluster (C,) nm.

    Returns:
        Widths (C,) nm.
    """
    return _THIN * lengths + _STEPS * resolution


def _check(points: np.ndarray, labels: np.ndarray, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Check the arguments of :meth:`Groups.from_labels`; return the localisations in each cluster (C,) int64."""
    if points.ndim != 2 or points.shape[1] not in (2, 3):
        raise DataError(f"features expected positions of shape (N, 2) or (N, 3), found {points.shape}")
    N = len(points)
    for name, values in {"labels": labels, **columns}.items():
        if np.shape(values) != (N,):
            raise DataError(f"features expected {N} values of {name!r}, one a localisation, found {np.shape(values)}")
    good = np.abs(points) < _LARGEST  # False for NaN
    if not good.all():
        bad = int((~good.all(axis=1)).sum())
        raise DataError(
            f"features expected finite positions, found {bad} of {N} rows with NaN, infinity or over 1e100 nm"
        )
    if N == 0:
        return np.zeros(0, dtype=np.int64)
    if not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"features expected integer cluster labels, found {labels.dtype}")
    if labels.min() < 0:
        raise DataError(
            f"features expected clustered localisations alone, found {int((labels < 0).sum())} of {N} labelled as "
            "noise; drop and count them first"
        )
    largest = int(labels.max())
    counts = np.bincount(labels) if largest < N else np.zeros(1, dtype=np.int64)
    if not counts.all():
        raise DataError(
            f"features expected clusters numbered 0 to C - 1 without a gap, found {len(np.unique(labels))} clusters "
            f"and the largest number {largest}; renumber them"
        )
    return counts


def _sums(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    if len(offsets) == 1:
        return np.zeros((0, *values.shape[1:]))
    return np.add.reduceat(values, offsets[:-1], axis=0, dtype=np.float64)


def _largest(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    return np.maximum.reduceat(values, offsets[:-1]) if len(offsets) > 1 else np.zeros(0)
