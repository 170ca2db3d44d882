"""Choice of channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from locgraph import schema
from locgraph.errors import ConfigError


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
