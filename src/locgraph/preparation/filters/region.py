"""Region of interest: a box."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.settings import check_limits


class Region:
    """Keeps the localisations in a box; its faces count as within, and positions stay what they were.

    Args:
        x: Lower and upper end in nm, None for an open one; None leaves the axis open.
        y: The same along y.
        z: The same along z; refused for FOVs in two dimensions.

    Raises:
        ConfigError: No axis has limits, or the limits of one are out of order.
    """

    def __init__(
        self,
        x: Sequence[float | None] | None = None,
        y: Sequence[float | None] | None = None,
        z: Sequence[float | None] | None = None,
    ) -> None:
        given = {
            name: limits
            for name, limits in zip(schema.position_columns(3), (x, y, z), strict=True)
            if limits is not None
        }
        if not given:
            raise ConfigError("expected [low, high] in nm for x, y or z, found none")
        self.limits = {name: check_limits(name, limits) for name, limits in given.items()}

    @property
    def needs(self) -> tuple[str, ...]:
        """The axes that have limits."""
        return tuple(self.limits)

    def __call__(self, table: pl.DataFrame, dimensions: int) -> pl.DataFrame:
        """The localisations in the box."""
        return table.filter(pl.col(name).is_between(*limits) for name, limits in self.limits.items())
