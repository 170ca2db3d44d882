"""Contract of filters, running them one after the other, and cells for their searches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import DataError


class Filter(Protocol):
    """Contract of filters: localisations of one FOV to those that are kept.

    Attributes:
        needs: Localisation columns that it reads, ``x`` and ``y`` aside, which are always there.
    """

    @property
    def needs(self) -> tuple[str, ...]:
        """Return the columns; a class attribute will do."""
        ...

    def __call__(self, table: pl.DataFrame, dimensions: int) -> pl.DataFrame:
        """Filter one FOV.

        Args:
            table: At least one row; canonical columns (see ``schema.LOCALISATION_COLUMNS``), lengths in nm, with those
                of `needs`.
            dimensions: 2, or 3 where the table holds ``z``.

        Returns:
            The rows left, in their order; equal input gives equal output.

        Raises:
            DataError: The values cannot be used.
        """
        ...


TAKEN: Final = "filtered: "
"""Goes before the name of a filter in the counts."""


def apply_filters(
    table: pl.DataFrame, dimensions: int, filters: Mapping[str, Filter], where: str
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Run filters in their order.

    Args:
        table: Localisations of one FOV, canonical columns in nm.
        dimensions: 2 or 3.
        filters: Name in the configuration -> filter.
        where: Name of the FOV or its file, for errors.

    Returns:
        The localisations left, and for each filter (``filtered: <name>``) how many it took; of those that were merged,
        all but one each.

    Raises:
        DataError: A filter needs a column that is not there, cannot use the values, or leaves no localisation.
    """
    n_before = table.height
    taken: dict[str, int] = {}
    for name, chosen in filters.items():
        absent = [need for need in chosen.needs if need not in table.columns]
        if absent:
            raise DataError(
                f"{where}: the filter {name} expected the columns {absent}, found {table.columns}; name them in the "
                "columns, or leave the filter out"
            )
        before = table.height
        try:
            table = chosen(table, dimensions)
        except DataError as error:
            raise DataError(f"{where}: the filter {name}: {error}") from error
        taken[f"{TAKEN}{name}"] = before - table.height
        if table.is_empty():
            account = ", ".join(f"{key.removeprefix(TAKEN)} took {count}" for key, count in taken.items())
            raise DataError(
                f"{where}: expected localisations after preprocessing, found none: of {n_before}, {account}; loosen "
                "the settings of the filters"
            )
    return table, taken


_MARGIN: Final = 1.001  # a cell is larger than the reach, so that rounding moves no pair two cells apart
_MOST_CELLS: Final = 2.0**40  # along an axis: the index is then exact to 2^-12, within the margin


def cell_indices(points: np.ndarray, reach: float) -> np.ndarray:
    """Return the cell of each point, of side ``reach`` or slightly more.

    Args:
        points: Positions (N, D) nm, finite, N at least 1.
        reach: Above 0, nm. Two points within this distance differ by at most 1 in each index.

    Returns:
        Indices (N, D) int64, from 0.
    """
    low = points.min(axis=0)
    extent = float((points.max(axis=0) - low).max())
    side = max(reach * _MARGIN, extent / _MOST_CELLS)
    return ((points - low) / side).astype(np.int64)


def positions(table: pl.DataFrame, dimensions: int) -> np.ndarray:
    """Return the positions (N, D) float64 nm of localisations, contiguous."""
    return np.ascontiguousarray(table.select(schema.position_columns(dimensions)).to_numpy(), dtype=np.float64)
