"""Square tiles of large fields of view (FOVs) as objects."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.preparation.objects.base import ObjectFinder, ObjectRows
from locgraph.settings import check_flag, check_length, check_number

EMPTY: Final = "tiles without localisations"
"""Entry of the counts of a FOV."""

_PARTIAL: Final = "reaches beyond the FOV"


class Tiles(ObjectFinder):
    """Squares of equal size in x and y, as objects named ``r<row>_c<column>``; rows run along y. 3D keeps all of z.

    The first tile starts at the smallest x and y of the localisations, so that tiles move with the FOV. A tile holds
    its lower and left border, not the others: without overlap each localisation is in one tile alone. Tiles without
    localisations are counted, not named. Localisations where tiles overlap are in each of them, and counted by
    `ObjectFinder`; objects of one FOV never stand on both sides of a split, so none is trained on and tested.

    Args:
        size_nm: Side of a tile.
        overlap_nm: Length by which neighbours overlap, at most half of the side.
        partial: Whether tiles that reach beyond the largest x or y are used; else these are left out, and counted.
        min_localisations: A tile with fewer is left out, and counted.
        max_localisations: A tile with more is left out, and counted; None leaves out none.

    Raises:
        ConfigError: A setting is out of range.
    """

    has_places = False

    def __init__(
        self,
        size_nm: float,
        overlap_nm: float = 0.0,
        partial: bool = True,
        min_localisations: int = 1,
        max_localisations: int | None = None,
    ) -> None:
        super().__init__(min_localisations, max_localisations)
        self.size_nm = check_length("size_nm", size_nm)
        self.overlap_nm = check_number("overlap_nm", overlap_nm, at_least=0)
        if self.overlap_nm > self.size_nm / 2:
            raise ConfigError(
                f"expected at most half of size_nm = {size_nm:g}, found {overlap_nm:g}", setting="overlap_nm"
            )
        self.partial = check_flag("partial", partial)

    def assign(self, table: pl.DataFrame, dimensions: int, fov_id: str) -> ObjectRows:
        """Return an object for each tile with localisations, row after row."""
        axes = [self._axis(table[name].to_numpy()) for name in (schema.Y, schema.X)]
        (row_tiles, row_shared, n_rows, whole_rows), (column_tiles, column_shared, n_columns, whole_columns) = axes
        every = np.arange(table.height)
        rows, tiles = [], []
        # a localisation is in the tile that starts last before it, and where tiles overlap also in the one before
        for in_row, row in ((every, 0), (np.flatnonzero(row_shared), 1)):
            for chosen, column in ((in_row, 0), (in_row[column_shared[in_row]], 1)):
                rows.append(chosen)
                tiles.append(np.column_stack([row_tiles[chosen] - row, column_tiles[chosen] - column]))
        places, labels = np.unique(np.concatenate(tiles), axis=0, return_inverse=True)
        all_rows, labels = np.concatenate(rows), labels.ravel()
        order = np.lexsort((all_rows, labels))
        names = tuple(f"r{row + 1}_c{column + 1}" for row, column in places.tolist())
        offsets = np.searchsorted(labels[order], np.arange(len(places) + 1))
        empty = n_rows * n_columns - len(places)
        objects = ObjectRows(names, all_rows[order], offsets, counts={EMPTY: empty} if empty else {})
        if self.partial:
            return objects
        whole = (places[:, 0] < whole_rows) & (places[:, 1] < whole_columns)
        reasons = {name: _PARTIAL for name, is_whole in zip(names, whole.tolist(), strict=True) if not is_whole}
        return objects.keep(whole, reasons)

    def _axis(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, int, int]:
        """Divide one axis.

        Returns:
            The last tile that holds each value (N,) int64; whether the one before holds it too (N,) bool; the number of
            tiles; and how many of them are whole.
        """
        step, along = self.size_nm - self.overlap_nm, values - values.min()
        extent = float(along.max())
        # a further tile only where the one before ends before the last value
        number = 1 + max(0, int((extent - self.overlap_nm) // step))
        tiles = np.minimum((along // step).astype(np.int64), number - 1)
        shared = (tiles > 0) & (along < tiles * step + self.overlap_nm)
        return tiles, shared, number, number - int((number - 1) * step + self.size_nm > extent)
