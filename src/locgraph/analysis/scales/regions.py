"""Regions of fields of view (FOVs) in which scales are measured: all localisations of a part, never a thinned FOV."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Region:
    """Localisations of a FOV, or of a square part of it.

    Attributes:
        fov_id: The FOV.
        points: Positions (N, D) float64 nm.
        window: Sides (2,) nm, along x and y, of the rectangle that holds them.
        n_all: Localisations of the whole FOV.
    """

    fov_id: str
    points: np.ndarray
    window: tuple[float, float]
    n_all: int

    @property
    def side(self) -> float:
        """The shorter side of the window in nm."""
        return min(self.window)


def cut_region(fov_id: str, points: np.ndarray, max_localisations: int) -> Region:
    """Return a FOV, or of a large one all localisations in a square that holds ``max_localisations`` of them.

    The square is about the localisation nearest to the median position, so that it is not empty. Thinning instead would
    change the density, and with it every scale.

    Args:
        fov_id: The FOV.
        points: Positions (N, D) nm, N at least 1.
        max_localisations: Of larger FOVs a part is taken.
    """
    flat = points[:, :2]
    low, high = flat.min(axis=0), flat.max(axis=0)
    if len(points) > max_localisations:
        middle = flat[np.abs(flat - np.median(flat, axis=0)).max(axis=1).argmin()]
        away = np.abs(flat - middle).max(axis=1)
        half = np.partition(away, max_localisations - 1)[max_localisations - 1]
        points = points[away <= half]
        low, high = np.maximum(low, middle - half), np.minimum(high, middle + half)
    width, height = (high - low).tolist()
    return Region(fov_id, points, (width, height), len(flat))


def choose_evenly(names: list[str], most: int) -> list[str]:
    """Return at most ``most`` names at equal distances in the list, the first and last among them."""
    if len(names) <= most:
        return names
    return [names[place] for place in np.unique(np.linspace(0, len(names) - 1, most).round().astype(int)).tolist()]
