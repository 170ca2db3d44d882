"""Which points lie in polygons, or near a path."""

from __future__ import annotations

import numpy as np


class Points:
    """Points of a field of view (FOV), sorted by y, so that an edge of a polygon meets one run of them.

    Args:
        x: (N,) nm.
        y: (N,) nm.
    """

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        self._order = np.argsort(y, kind="stable")
        self._x, self._y = x[self._order], y[self._order]

    def inside(self, polygons: tuple[tuple[np.ndarray, ...], ...]) -> np.ndarray:
        """Return the rows (R,) int64 of the points in the union of polygons, ascending.

        A point is inside where a line from it to larger x crosses an odd number of edges, those of holes among them. An
        edge holds the points on it that lie at the smaller x of the region, and in y its lower end but not its upper
        one: of regions that share an edge exactly one holds a point there.

        Args:
            polygons: Rings (V, 2) nm of each: outline, then holes.
        """
        chosen = np.zeros(len(self._x), dtype=bool)
        for rings in polygons:
            odd = np.zeros(len(self._x), dtype=bool)
            for ring in rings:
                self._cross(ring, odd)
            chosen |= odd
        return np.sort(self._order[chosen])

    def near_path(self, path: np.ndarray, radius: float) -> np.ndarray:
        """Return the rows (R,) int64 of the points at most ``radius`` nm from a path, ascending.

        Args:
            path: Points (V, 2) nm that are joined by lines; a single one is a disc.
            radius: nm.
        """
        chosen = np.zeros(len(self._x), dtype=bool)
        for start, end in zip(path, path[1:] if len(path) > 1 else path, strict=False):
            margin = radius * (1 + 1e-9)  # rounding must not cut off what is at the radius itself
            first = np.searchsorted(self._y, min(start[1], end[1]) - margin, side="left")
            last = np.searchsorted(self._y, max(start[1], end[1]) + margin, side="right")
            run = slice(first, last)
            chosen[run] |= _distance(self._x[run], self._y[run], start, end) <= radius
        return np.sort(self._order[chosen])

    def _cross(self, ring: np.ndarray, odd: np.ndarray) -> None:
        """Flip ``odd`` (N,) at the points from which each edge of a ring is crossed."""
        ends = np.roll(ring, -1, axis=0)
        up = ring[:, 1] <= ends[:, 1]
        # from the lower end to the upper one, whichever ring it is of: neighbours compute the same crossing
        low, high = np.where(up[:, None], ring, ends), np.where(up[:, None], ends, ring)
        first, last = np.searchsorted(self._y, low[:, 1]), np.searchsorted(self._y, high[:, 1])
        for edge in np.flatnonzero(last > first):
            run = slice(first[edge], last[edge])
            (x, y), (x_high, y_high) = low[edge], high[edge]
            odd[run] ^= self._x[run] < x + (self._y[run] - y) * ((x_high - x) / (y_high - y))


def _distance(x: np.ndarray, y: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return the distance (N,) of points from the line between two others."""
    along, squared = end - start, float(((end - start) ** 2).sum())
    share = 0.0 if squared == 0.0 else np.clip(((x - start[0]) * along[0] + (y - start[1]) * along[1]) / squared, 0, 1)
    return np.hypot(x - start[0] - share * along[0], y - start[1] - share * along[1])
