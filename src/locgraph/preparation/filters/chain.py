"""The chosen filters, one after the other, with an account of what each took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from locgraph.errors import DataError
from locgraph.preparation.filters.base import Filter

TAKEN: Final = "filtered: "
"""Goes before the name of a filter in the counts."""


def apply_filters(
    table: pl.DataFrame, dimensions: int, filters: Mapping[str, Filter], where: str
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Runs filters in their order.

    Args:
        table: Localisations of one FOV, canonical columns in nm.
        dimensions: 2 or 3.
        filters: Name in the configuration -> filter.
        where: What to call the FOV in errors.

    Returns:
        The localisations left, and for each filter (``filtered: <name>``) how many it took; of those that were merged,
        all but one each.

    Raises:
        DataError: A filter needs a column that is not there, cannot use the values, or leaves no localisation.
    """
    found = table.height
    taken: dict[str, int] = {}
    for name, chosen in filters.items():
        absent = [need for need in chosen.needs if need not in table.columns]
        if absent:
            raise DataError(
                f"{where}: preprocess.{name} needs the columns {absent}, found {table.columns}; "
                f"name them in columns.names, or leave preprocess.{name} out"
            )
        before = table.height
        try:
            table = chosen(table, dimensions)
        except DataError as error:
            raise DataError(f"{where}: preprocess.{name}: {error}") from error
        taken[f"{TAKEN}{name}"] = before - table.height
        if table.is_empty():
            account = ", ".join(f"{key.removeprefix(TAKEN)} took {count}" for key, count in taken.items())
            raise DataError(
                f"{where}: expected localisations after preprocessing, found none: of {found}, {account}; loosen the "
                "settings of the group preprocess"
            )
    return table, taken
