"""Thinning to one number of localisations: that number says nothing about the class any more."""

from __future__ import annotations

import numpy as np
import polars as pl

from locgraph.settings import check_whole


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
