"""Local density of localisations, by counting on a grid."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter

_PER_CELL: Final = 4.0
_MOST_CELLS: Final = 2**22
_MIDDLE: Final = (0.005, 0.995)


def local_density(position: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the local density at each localisation.

    Localisations are counted on a grid whose cells would hold four each, were all spread evenly; the counts are blurred
    by a Gaussian with the standard deviation of a cell. It takes time proportional to N, whatever the density.

    Args:
        position: Positions (N, D) float32 nm, N >= 1.

    Returns:
        Density (N,) float32 in 1/nm^D, and the side of a cell in nm.
    """
    n, dimensions = position.shape
    low, high = position.min(axis=0).astype(np.float64), position.max(axis=0).astype(np.float64)
    span = high - low
    used = np.diff(np.quantile(position, _MIDDLE, axis=0), axis=0)[0].astype(np.float64)
    thick = used > 0
    side = float((_PER_CELL * used[thick].prod() / n) ** (1 / max(thick.sum(), 1))) if thick.any() else 0.0
    side = max(side, float(span.max()) / 4096) or 1.0
    while np.prod(np.floor(span / side) + 1) > _MOST_CELLS:
        side *= 1.25
    cells = np.floor((position - low) / side).astype(np.int32)
    shape = tuple((np.floor(span / side) + 1).astype(int))
    cells = np.minimum(cells, np.array(shape, dtype=np.int32) - 1)
    flat = np.ravel_multi_index(tuple(cells.T), shape)
    counts = np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape).astype(np.float32)
    blurred = gaussian_filter(counts, 1.0, mode="constant")
    return (blurred.ravel()[flat] / np.float32(side) ** dimensions).astype("<f4"), side
