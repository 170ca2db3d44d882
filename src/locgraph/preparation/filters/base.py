"""The contract of a filter."""

from __future__ import annotations

from typing import Protocol

import polars as pl


class Filter(Protocol):
    """Localisations of one FOV to those that are taken on.

    Attributes:
        needs: Localisation columns that it reads, ``x`` and ``y`` aside, which are always there.
    """

    @property
    def needs(self) -> tuple[str, ...]:
        """See above; a class attribute will do."""
        ...

    def __call__(self, table: pl.DataFrame, dimensions: int) -> pl.DataFrame:
        """Filters one FOV.

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
