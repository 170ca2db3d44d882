"""Filters that keep localisations by their values: limits on a column, frames, channels, a box, and a random part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.preparation.order import order_localisations
from locgraph.settings import check_limits, check_whole

COLUMNS = tuple(name for name in schema.LOCALISATION_COLUMNS if name not in (schema.VIEW, schema.CLUSTER_ID))
"""Columns that may have limits: those that are there before views and clusters are made."""


class Between:
    """Filter that keeps localisations of which one column lies between two limits, themselves included.

    Args:
        column: Canonical name of the column (see ``schema.LOCALISATION_COLUMNS``); lengths are nm.
        least: Smallest value kept; None leaves this side open.
        most: Largest value kept; None leaves this side open.

    Raises:
        ConfigError: There is no such column, no limit, or the limits are out of order.
    """

    def __init__(self, column: str, least: float | None = None, most: float | None = None) -> None:
        if column not in COLUMNS:
            raise ConfigError(f"expected one of {', '.join(COLUMNS)}, found {column!r}", setting="column")
        if least is None and most is None:
            raise ConfigError(f"expected least or most, or both, as limits of {column}, found neither", setting="least")
        self.low, self.high = check_limits("least, most", [least, most])
        self.column = column
        self.needs = (column,)

    def __call__(self, table: pl.DataFrame, dimensions: int) -> pl.DataFrame:
        """Return the localisations within the limits."""
        return table.filter(pl.col(self.column).is_between(self.low, self.high))


class Frames:
    """Filter that keeps the localisations from one frame to another; their frame numbers stay what they were.

    Args:
        first: First frame kept; the first frame of a file is 0.
        last: Last frame kept; None keeps all that follow.

    Raises:
        ConfigError: A frame is negative, or the last comes before the first.
    """

    needs = (schema.FRAME,)

    def __init__(self, first: int = 0, last: int | None = None) -> None:
        self.first = check_whole("first", first, at_least=0)
        self.last = None if last is None else check_whole("last", last, at_least=0)
        if self.last is not None and self.last < self.first:
            raise ConfigError(f"expected a frame not before first={first}, found {last}", setting="last")

    def __call__(self, table: pl.DataFrame, dimensions: int) -> pl.DataFrame:
        """Return the localisations of these frames."""
        frame = pl.col(schema.FRAME)
        return table.filter(frame >= self.first if self.last is None else frame.is_between(self.first, self.last))


class Channels:
    """Filter that keeps the chosen channels; their indices stay what they were.

    Args:
        names: Index of a channel -> its name, so that channels can be chosen by name.
        keep: Channels to keep, each an index or a name; None keeps those that have a name.

    Raises:
        ConfigError: No channel is chosen, a name is not among ``names``, or an index is none.
    """

    needs = (schema.CHANNEL,)

    def __init__(self, names: Mapping[int, str] | None = None, keep: Sequence[int | str] | None = None) -> None:
        indices = {name: _index("names", index) for index, name in (names or {}).items()}
        if len(indices) < len(names or {}):
            raise ConfigError(f"expected a different name for each channel, found {dict(names or {})}", setting="names")
        chosen = list(indices) if keep is None else list(keep)
        if not chosen:
            raise ConfigError("expected at least one channel, by its index or name, found none", setting="keep")
        unknown = [name for name in chosen if isinstance(name, str) and name not in indices]
        if unknown:
            raise ConfigError(
                f"expected indices of channels, or names among {list(indices)}, found {unknown}; give their indices "
                "in names",
                setting="keep",
            )
        self.kept = sorted({indices[name] if isinstance(name, str) else _index("keep", name) for name in chosen})

    def __call__(self, table: pl.DataFrame, dimensions: int) -> pl.DataFrame:
        """Return the localisations of the chosen channels."""
        return table.filter(pl.col(schema.CHANNEL).is_in(self.kept))


def _index(setting: str, value: int | str) -> int:
    # read back from JSON, keys are text
    if isinstance(value, bool) or not str(value).isdecimal():
        raise ConfigError(f"expected a channel as a whole number from 0, found {value!r}", setting=setting)
    return int(value)


class Region:
    """Filter that keeps the localisations in a box; its faces count as within, and positions stay what they were.

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
            raise ConfigError("expected [low, high] in nm for x, y or z, found none", setting="x")
        self.limits = {name: check_limits(name, limits) for name, limits in given.items()}

    @property
    def needs(self) -> tuple[str, ...]:
        """Return the axes that have limits."""
        return tuple(self.limits)

    def __call__(self, table: pl.DataFrame, dimensions: int) -> pl.DataFrame:
        """Return the localisations in the box."""
        return table.filter(pl.col(name).is_between(*limits) for name, limits in self.limits.items())


class Thin:
    """Filter that keeps a number of localisations, drawn at random; a FOV that has no more stays as it is.

    Where each class was imaged in an experiment of its own, the number of localisations alone betrays the class. What a
    network reaches on FOVs of equal counts it has learned from elsewhere. The draw depends on the localisations, not on
    the order of their rows (see `locgraph.preparation.order`).

    Args:
        count: Localisations that are kept. Choose it below that of the smallest FOV, or the number still
            differs between FOVs.
        seed: Seed of the draw.

    Raises:
        ConfigError: A setting is out of range.
    """

    needs: tuple[str, ...] = ()

    def __init__(self, count: int, seed: int = 0) -> None:
        self.count = check_whole("count", count, at_least=1)
        self.seed = check_whole("seed", seed, at_least=0)

    def __call__(self, table: pl.DataFrame, dimensions: int) -> pl.DataFrame:
        """Return ``count`` of the localisations, in their order."""
        if table.height <= self.count:
            return table
        kept = np.random.default_rng([self.seed, table.height]).choice(table.height, self.count, replace=False)
        return table[np.sort(order_localisations(table, dimensions)[kept])]
