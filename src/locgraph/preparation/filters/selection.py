"""Filters that keep localisations by their values: limits on a column, frames, channels, a box, and a random part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.settings import check_limits, check_whole

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


class Frames:
    """Keeps the localisations from one frame to another; their frame numbers stay what they were.

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
            raise ConfigError(f"last must not come before first, found first={first}, last={last}")

    def __call__(self, table: pl.DataFrame, dimensions: int) -> pl.DataFrame:
        """The localisations of these frames."""
        frame = pl.col(schema.FRAME)
        return table.filter(frame >= self.first if self.last is None else frame.is_between(self.first, self.last))


class Channels:
    """Keeps the chosen channels; their indices stay what they were.

    Args:
        names: Index of a channel -> its name, so that channels can be chosen by name.
        keep: Channels to keep, each an index or a name; None keeps those that have a name.

    Raises:
        ConfigError: No channel is chosen, a name is not among ``names``, or an index is none.
    """

    needs = (schema.CHANNEL,)

    def __init__(self, names: Mapping[int, str] | None = None, keep: Sequence[int | str] | None = None) -> None:
        indices = {name: _index(index) for index, name in (names or {}).items()}
        if len(indices) < len(names or {}):
            raise ConfigError(f"names must name each channel differently, found {dict(names or {})}")
        chosen = list(indices) if keep is None else list(keep)
        if not chosen:
            raise ConfigError("keep must name at least one channel by its index or name, found none")
        unknown = [name for name in chosen if isinstance(name, str) and name not in indices]
        if unknown:
            raise ConfigError(
                f"keep must hold indices of channels, or names among {list(indices)}, found {unknown}; "
                "say in names which index they have"
            )
        self.kept = sorted({indices[name] if isinstance(name, str) else _index(name) for name in chosen})

    def __call__(self, table: pl.DataFrame, dimensions: int) -> pl.DataFrame:
        """The localisations of the chosen channels."""
        return table.filter(pl.col(schema.CHANNEL).is_in(self.kept))


def _index(value: int | str) -> int:
    # read back from JSON, keys are text
    if isinstance(value, bool) or not str(value).isdecimal():
        raise ConfigError(f"a channel must be a whole number from 0, found {value!r}")
    return int(value)


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


class Thin:
    """Keeps a number of localisations, drawn at random; a FOV that has no more stays as it is.

    Where each class was imaged in an experiment of its own, the number of localisations alone betrays the class. What a
    network reaches on FOVs of equal counts it has learned from elsewhere.

    Args:
        count: Localisations that are kept. Choose it below that of the smallest FOV, or the number goes on saying
            something.
        seed: Seed of the draw.

    Raises:
        ConfigError: A setting is out of range.
    """

    needs: tuple[str, ...] = ()

    def __init__(self, count: int, seed: int = 0) -> None:
        self.count = check_whole("count", count, at_least=1)
        self.seed = check_whole("seed", seed, at_least=0)

    def __call__(self, table: pl.DataFrame, dimensions: int) -> pl.DataFrame:
        """So many localisations, in their order."""
        if table.height <= self.count:
            return table
        kept = np.random.default_rng([self.seed, table.height]).choice(table.height, self.count, replace=False)
        return table[np.sort(kept)]
