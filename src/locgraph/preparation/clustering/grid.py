"""Fixed grid: the localisations of each square (in 3D, cube) are a cluster."""

from __future__ import annotations

from typing import Final

import numpy as np

from locgraph.errors import DataError
from locgraph.preparation.clustering.base import by_first_appearance, checked
from locgraph.preparation.clustering.cells import sort_by_cell
from locgraph.schema import NOISE
from locgraph.settings import check_length, check_whole

_EXACT: Final = 2.0**53  # float64 holds whole numbers up to here


class Grid:
    """The occupied cells of a grid of squares or cubes, aligned with the axes; cell 0 begins at coordinate 0.

    A localisation at x belongs to the cell floor(x / ``cell_nm``) along x, computed without rounding: one on a boundary
    belongs to the cell above it, however far from the origin. The cells are the same for every FOV and do not depend on
    the order of the rows. The grid does not turn with the FOV.

    Args:
        cell_nm: Side of a cell in nm. Larger gives fewer, larger clusters.
        min_samples: Localisations in a cell that make it a cluster; those of emptier cells are noise.

    Raises:
        ConfigError: A setting is out of range.
    """

    needs: tuple[str, ...] = ()

    def __init__(self, cell_nm: float, min_samples: int = 1) -> None:
        self.cell_nm = check_length("clustering.cell_nm", cell_nm)
        self.min_samples = check_whole("clustering.min_samples", min_samples, at_least=1)

    def __call__(self, points: np.ndarray, seed: int, **columns: np.ndarray) -> np.ndarray:
        """Clusters points.

        Args:
            points: Positions (N, D) float64 nm, D is 2 or 3.
            seed: Part of the contract of a clusterer; a grid draws nothing.
            **columns: Part of the contract; there are none, since ``needs`` is empty.

        Returns:
            Labels (N,) int64: -1 for noise, clusters numbered by first appearance.

        Raises:
            DataError: The points have the wrong shape, are not finite, or lie too many cells from the origin.
        """
        points = checked(points)
        if len(points) == 0:
            return np.empty(0, dtype=np.int64)
        order, first = sort_by_cell(self._cells(points))
        sizes = np.diff(first, append=len(points))
        names = np.where(sizes >= self.min_samples, np.arange(len(first)), NOISE)
        labels = np.empty(len(points), dtype=np.int64)
        labels[order] = np.repeat(names, sizes)
        return by_first_appearance(labels)

    def _cells(self, points: np.ndarray) -> np.ndarray:
        """Cell of each point (N, D) int64, counted from the lowest ones."""
        cells = np.floor_divide(points, self.cell_nm)  # by the remainder: a quotient could be rounded up
        farthest = np.abs(cells).max()
        if not farthest < _EXACT:
            raise DataError(
                f"clustering=grid expected points at most {_EXACT:.0e} cells from the origin, found one {farthest:g} "
                f"cells away with clustering.cell_nm = {self.cell_nm:g}; raise clustering.cell_nm, or check "
                "columns.unit"
            )
        return (cells - cells.min(axis=0)).astype(np.int64)
