"""A map of units in two dimensions, and units spread over it whose pictures stand for their neighbourhood."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from locgraph.analysis.projection import MIN_UMAP_ROWS, UmapSettings, umap_points
from locgraph.settings import check_whole


@dataclass(frozen=True)
class MapSettings:
    """Settings of the map.

    Args:
        n_neighbors: As for `UmapSettings`.
        min_dist: As for `UmapSettings`.
        pictures: Pictures along each side of the map, at most.
        most_units: Of more units this many random ones are on the map.

    Raises:
        ConfigError: A setting is out of range.
    """

    n_neighbors: int = 15
    min_dist: float = 0.1
    pictures: int = 8
    most_units: int = 10_000

    def __post_init__(self) -> None:
        self.umap(seed=0)
        check_whole("pictures", self.pictures, at_least=1)
        check_whole("most_units", self.most_units, at_least=MIN_UMAP_ROWS)

    def umap(self, seed: int) -> UmapSettings:
        """Return the settings of UMAP."""
        return UmapSettings(n_neighbors=self.n_neighbors, min_dist=self.min_dist, seed=seed)


@dataclass(frozen=True)
class UnitMap:
    """Units on a page.

    Attributes:
        rows: (M,) int64, the units.
        points: (M, 2) float64, 0 to 1 along both sides.
        shown: (S,) int64, places in ``rows`` of units with a picture.
        cells: (S, 2) int64, column and row of each picture, from the lower left.
        notes: What was changed or left out.
    """

    rows: np.ndarray
    points: np.ndarray
    shown: np.ndarray
    cells: np.ndarray
    notes: tuple[str, ...] = field(default=())


def map_units(values: np.ndarray, settings: MapSettings, seed: int) -> UnitMap | str:
    """Return UMAP of units, and pictures spread over it; or why there is no map.

    Args:
        values: (N, F) float64.
        settings: The settings.
        seed: Of UMAP and of the choice among many units.
    """
    if len(values) < MIN_UMAP_ROWS:
        return f"no map: needs at least {MIN_UMAP_ROWS} units, found {len(values)}"
    if values.shape[1] < 2:
        return "no map: needs at least 2 values of each vector that vary, found 1"
    rows = np.arange(len(values))
    notes: tuple[str, ...] = ()
    if len(rows) > settings.most_units:
        rows = np.sort(np.random.default_rng(seed).choice(len(rows), settings.most_units, replace=False))
        notes = (f"map: {settings.most_units} of {len(values)} units, chosen at random (map.most_units)",)
    points, more = umap_points(values[rows], settings.umap(seed))
    low, span = points.min(axis=0), np.maximum(np.ptp(points, axis=0), 1e-12)
    points = ((points - low) / span).astype(np.float64)
    shown, cells = spread(points, settings.pictures)
    return UnitMap(rows, points, shown, cells, (*notes, *more))


def spread(points: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the point nearest to the middle of each cell that holds one.

    Args:
        points: (M, 2) float64, 0 to 1.
        side: Cells along each side.

    Returns:
        Places (S,) int64 of the points, and their cells (S, 2) int64.
    """
    cells = np.minimum((points * side).astype(np.int64), side - 1)
    away = np.linalg.norm(points * side - cells - 0.5, axis=1)
    order = np.lexsort((away, cells[:, 0], cells[:, 1]))
    _, first = np.unique(cells[order, 1] * side + cells[order, 0], return_index=True)
    return order[first], cells[order[first]]
