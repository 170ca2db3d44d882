"""Limits on one column: photons, precision, width, and the like."""

from __future__ import annotations

import polars as pl

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.settings import check_limits

COLUMNS = tuple(name for name in schema.LOCALISATION_COLUMNS if name not in (schema.VIEW, schema.CLUSTER_ID))
"""Columns that may have limits: those that are there before views and clusters are made."""


class Between:
    """Keeps the localisations of which one column lies between two limits, which count as within.

    Args:
        column: Canonical name of the column (see ``schema.LOCALISATION_COLUMNS``); lengths are nm.
        least: Smallest value kept; None leaves this side open.
        most: Largest value kept; None leaves this side open.

    Raises:
        ConfigError: There is no such column, no limit, or the limits are out of order.
    """

    def __init__(self, column: str, least: float | None = None, most: float | None = None) -> None:
        if column not in COLUMNS:
            raise ConfigError(f"column must be one of {', '.join(COLUMNS)}, found {column!r}")
        if least is None and most is None:
            raise ConfigError(f"expected least or most, or both, as limits of {column}, found neither")
        self.low, self.high = check_limits("[least, most]", [least, most])
        self.column = column
        self.needs = (column,)

    def __call__(self, table: pl.DataFrame, dimensions: int) -> pl.DataFrame:
        """The localisations within the limits."""
        return table.filter(pl.col(self.column).is_between(self.low, self.high))
