"""A source without what is known of its FOVs, so that annotators state what they see."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import polars as pl

from locgraph import schema
from locgraph.provenance import fingerprint
from locgraph.viewer.opened import PROBLEM, Opened

_SHOWN: Final = (schema.FOV_ID, PROBLEM, schema.DIMENSIONS, schema.N_LOCALISATIONS, schema.N_CLUSTERS)


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
        """Return the localisations of one FOV, without its class and theirs.

        Raises:
            DataError: It cannot be read, or is gone.
        """
        scene = self._opened.scene(index)
        levels = scene.levels
        columns = tuple(column for column in levels.columns if column.name != schema.LOC_LABEL)
        values = {name: own for name, own in levels.values.items() if name != schema.LOC_LABEL}
        return replace(
            scene,
            label=None,
            levels=replace(levels, columns=columns, values=values),
            read_table=lambda: scene.read_table().drop(schema.LOC_LABEL, strict=False),
            # another one: a browser that has kept the scene with its classes must ask again
            fingerprint=fingerprint("unrevealed", scene.fingerprint),
        )

    def is_quick(self, index: int) -> bool:
        """Return whether a FOV is read in a moment."""
        return self._opened.is_quick(index)
