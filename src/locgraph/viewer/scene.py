"""All that is drawn of one field of view (FOV): localisations in levels, clusters with outlines, edges of its graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.viewer.clusters import Clusters, Outlines, outlines
from locgraph.viewer.graph_file import Edges
from locgraph.viewer.levels.levels import ROW, Levels
from locgraph.viewer.opened import pick


@dataclass(frozen=True)
class Scene:
    """One FOV, ready to be drawn.

    Attributes:
        fov_id: Its name.
        levels: Its localisations.
        fingerprint: Changes with anything that could change what is drawn.
        read_table: Reads the localisations as they are in the file, in nm; row r is the localisation of which `ROW` is
            r.
        label: Its class; None where it has none.
        classes: All classes, in the order of their indices.
        clusters: Its clusters; None where there are none.
        edges: The edges of its graph, by type.
        notes: Remarks on how it was read.
    """

    fov_id: str
    levels: Levels
    fingerprint: str
    read_table: Callable[[], pl.DataFrame]
    label: str | None = None
    classes: tuple[str, ...] = ()
    clusters: Clusters | None = None
    edges: tuple[Edges, ...] = ()
    notes: tuple[str, ...] = ()

    def header(self) -> dict[str, Any]:
        """Return what is known before any values are read, as plain values."""
        return {
            "fov_id": self.fov_id,
            "label": self.label,
            "classes": list(self.classes),
            "notes": list(self.notes),
            **self.levels.header(),
            "clusters": None if self.clusters is None else self.clusters.header(),
            "edges": [edges.header() for edges in self.edges],
            "fingerprint": self.fingerprint,
        }

    @cached_property
    def outlines(self) -> Outlines | None:
        """Convex hulls of the clusters; None where there are none."""
        return None if self.clusters is None else outlines(self.levels, self.clusters)

    def edge_ends(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the edges of a type.

        Args:
            index: Place of the type in ``edges``.

        Returns:
            Ends (E, 2, D) float32 nm relative to the origin, and both nodes (E, 2) uint32 among those of their type.

        Raises:
            NotThereError: There is no such type.
            DataError: The graph cannot be read.
        """
        ends, pairs = pick(self.edges, index, "type of edges").read()
        return (ends - self.levels.origin).astype("<f4"), pairs

    def table(self, rows: np.ndarray) -> pl.DataFrame:
        """Return some localisations as they are in the file, with their density.

        Args:
            rows: (R,) rows of the table that was read.

        Raises:
            DataError: The file has changed since it was opened, or cannot be read.
        """
        table = self.read_table()
        if table.height != len(self.levels):
            raise DataError(
                f"{self.fov_id}: expected {len(self.levels):,} localisations; found {table.height:,}. The file has "
                "changed: open it again"
            )
        own = table.select(name for name in table.columns if name != schema.VIEW)
        own = own if len(rows) == own.height else own[rows]  # all, in their order: no copy
        if schema.DENSITY not in self.levels.values or schema.DENSITY in table.columns:
            return own
        density = np.empty(len(self.levels), dtype=np.float32)
        density[self.levels.values[ROW]] = self.levels.values[schema.DENSITY]
        return own.with_columns(pl.Series(schema.DENSITY, density[rows]))
