"""A source without what is known of its FOVs, so that annotators say what they see."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import polars as pl

from locgraph import schema
from locgraph.viewer.opened import Opened

_SHOWN: Final = (schema.FOV_ID, "problem", schema.DIMENSIONS, schema.N_LOCALISATIONS, schema.N_CLUSTERS)


class Unrevealed(Opened):
    """The FOVs of a source without classes, predictions, maps, scores and explanations.

    Names of FOVs stay, and with them the folders that they lie in.

    Args:
        opened: The source.
    """

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self.title, self.kind, self.notes = opened.title, opened.kind, opened.notes

    def fovs(self) -> pl.DataFrame:
        """Return the names and sizes of the FOVs, and why those that cannot be shown cannot."""
        table = self._opened.fovs()
        return table.select(name for name in _SHOWN if name in table.columns)

    def scene(self, index: int) -> Any:
        """Return the localisations of one FOV, without its class.

        Raises:
            DataError: It cannot be read, or is gone.
        """
        return replace(self._opened.scene(index), label=None)

    def is_quick(self, index: int) -> bool:
        """Return whether a FOV is read in a moment."""
        return self._opened.is_quick(index)
