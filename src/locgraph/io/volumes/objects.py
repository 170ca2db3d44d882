"""The objects of a label volume in one pass over its voxels: sizes, boxes, moments and intensities."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from locgraph.schema import INTENSITIES

_SLAB: Final = 1 << 22
"""Voxels that are looked at together, at least one plane: what bounds the memory beside the volume itself."""


@dataclass(frozen=True)
class VolumeObjects:
    """The objects of a label volume, sorted by label.

    Attributes:
        labels: Label of each object (L,) int64, above 0.
        voxels: Number of its voxels (L,) int64.
        low: First voxel of its box along each axis (L, D) int64.
        high: Last voxel of its box, inclusive (L, D) int64.
        lengths: Lengths of its principal axes (L, D) float64 nm, largest first.
        intensities: Name -> value of each object (L,) float64; empty without an intensity volume.
    """

    labels: np.ndarray
    voxels: np.ndarray
    low: np.ndarray
    high: np.ndarray
    lengths: np.ndarray
    intensities: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.labels)


def find_objects(values: np.ndarray, voxel_nm: np.ndarray, intensity: np.ndarray | None = None) -> VolumeObjects:
    """Return the objects of a label volume.

    Rows of equal voxels along the last axis are taken together, so that time and memory grow with their number,
    whatever the number and size of the labels. The principal axes are those of the ellipsoid (ellipse in 2D) with the
    second moments of the voxels, each voxel being a box and not a point: 2 sqrt(5 v) for the variance v in 3D, 4
    sqrt(v) in 2D.

    Args:
        values: Labels (Z, Y, X) or (Y, X) of any integer type; 0 is background.
        voxel_nm: Size of a voxel along each axis (D,) nm.
        intensity: Intensities of the same shape; None for none. Its standard deviation is over n.
    """
    D = values.ndim
    parts = [_sum_runs(*slab, D) for slab in _slabs(values, intensity)]
    labels, sums, low, high, peaks = _join(parts)
    n = sums[:, 0]
    means = sums[:, 1 : 1 + D] / n[:, None]
    pairs = [(i, j) for i in range(D) for j in range(i, D)]
    moments = np.zeros((len(labels), D, D))
    for column, (i, j) in enumerate(pairs, 1 + D):
        moments[:, i, j] = moments[:, j, i] = sums[:, column] / n - means[:, i] * means[:, j]
    moments = (moments + np.eye(D) / 12) * np.multiply.outer(voxel_nm, voxel_nm)
    variances = np.maximum(np.linalg.eigvalsh(moments)[:, ::-1], 0.0)
    intensities = {}
    if intensity is not None:
        mean, squares = sums[:, -2] / n, sums[:, -1] / n
        deviation = np.sqrt(np.maximum(squares - mean**2, 0.0))
        intensities = dict(zip(INTENSITIES, (mean, deviation, peaks), strict=True))
    widths = (2 * np.sqrt(5.0) if D == 3 else 4.0) * np.sqrt(variances)
    return VolumeObjects(labels, n.astype(np.int64), low, high, widths, intensities)


Sums = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Labels, and of each: sums of 1, coordinates, their products and intensities; low and high corner; highest value."""


def _slabs(values: np.ndarray, intensity: np.ndarray | None) -> Iterator[tuple[int, np.ndarray, np.ndarray | None]]:
    """Yield the first plane, the labels and the intensities of slabs along the first axis."""
    planes = max(1, _SLAB // max(int(np.prod(values.shape[1:])), 1))
    for first in range(0, len(values), planes):
        own = None if intensity is None else np.ascontiguousarray(intensity[first : first + planes], np.float64).ravel()
        yield first, np.ascontiguousarray(values[first : first + planes]), own


def _sum_runs(first: int, slab: np.ndarray, intensity: np.ndarray | None, D: int) -> Sums:
    """Return the sums over each label of a slab that begins at the plane ``first``."""
    flat = slab.ravel()
    new_run = np.ones(len(flat), np.bool_)
    np.not_equal(flat[1:], flat[:-1], out=new_run[1:])
    new_run[:: slab.shape[-1]] = True
    starts = np.flatnonzero(new_run)
    ends = np.append(starts[1:], len(flat))
    inside = flat[starts] != 0
    own = starts[inside]
    labels, owners = np.unique(flat[own].astype(np.int64), return_inverse=True)
    n = (ends - starts)[inside].astype(np.float64)
    corner = np.stack(np.unravel_index(own, slab.shape), axis=1)
    corner[:, 0] += first
    place = corner.astype(np.float64)
    middle = place.copy()
    middle[:, -1] += (n - 1) / 2
    products = [n * middle[:, i] * middle[:, j] for i in range(D) for j in range(i, D)]
    products[-1] += n * (n * n - 1) / 12  # variance of the whole numbers of a run
    columns = [n, *(n[:, None] * middle).T, *products]
    peaks = np.zeros(0)
    if intensity is not None:
        columns += [np.add.reduceat(power, starts)[inside] for power in (intensity, intensity**2)]
        peaks = np.full(len(labels), -np.inf)
        np.maximum.at(peaks, owners, np.maximum.reduceat(intensity, starts)[inside])
    sums = np.column_stack([np.bincount(owners, column, len(labels)) for column in columns])
    last = corner.copy()
    last[:, -1] += n.astype(np.int64) - 1
    low, high = _extremes(owners, corner, last, len(labels))
    return labels, sums, low, high, peaks


def _extremes(owners: np.ndarray, low: np.ndarray, high: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest corner (L, D) of each owner, each at least once."""
    order = np.argsort(owners, kind="stable")
    first = np.searchsorted(owners[order], np.arange(count))
    if not count:
        return low[:0], high[:0]
    return np.minimum.reduceat(low[order], first), np.maximum.reduceat(high[order], first)


def _join(parts: list[Sums]) -> Sums:
    """Return the sums of all slabs together."""
    labels, owners = np.unique(np.concatenate([part[0] for part in parts]), return_inverse=True)
    every = np.concatenate([part[1] for part in parts])
    sums = np.column_stack([np.bincount(owners, column, len(labels)) for column in every.T])
    corners = (np.concatenate([part[2] for part in parts]), np.concatenate([part[3] for part in parts]))
    low, high = _extremes(owners, *corners, len(labels))
    peaks = np.concatenate([part[4] for part in parts])
    highest = np.full(len(labels) if len(peaks) else 0, -np.inf)
    if len(peaks):
        np.maximum.at(highest, owners, peaks)
    return labels, sums, low, high, highest
