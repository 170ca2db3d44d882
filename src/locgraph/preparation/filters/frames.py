"""Choice of frames."""

from __future__ import annotations

import polars as pl

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.settings import check_whole


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
