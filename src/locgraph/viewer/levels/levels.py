"""The localisations of a field of view (FOV), node after node, with what is known of each column."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.viewer.levels.columns import ColumnAbout, ColumnNames, describe, encode
from locgraph.viewer.levels.density import local_density
from locgraph.viewer.levels.nodes import bounds, make_nodes
from locgraph.viewer.opened import NotThereError, pick

POSITION: Final = "position"
ROW: Final = "row"

Keep = Callable[[str, np.ndarray], np.ndarray]
"""Store the values of a column; return what the levels hold of it."""


@dataclass(frozen=True)
class Levels:
    """The localisations of a FOV in nodes.

    Attributes:
        dimensions: D, 2 or 3.
        origin: (D,) float64 nm, what positions are relative to.
        box: (n, 2, D) float32 nm relative to the origin: smallest box around the localisations of each node and all
            below it.
        first: (n + 1,) int64, place of the first localisation of each node, and N at the end.
        level: (n,) int64, 0 for the root.
        parent: (n,) int64, -1 for the root, which is node 0.
        spacing: (n,) float64 nm, side of the cells of which a node holds a sample.
        columns: What is known of each column but position and row.
        values: Column -> values in the order of the nodes: `POSITION` (N, D) float32 nm relative to the origin, `ROW`
            (N,) uint32 in the table that was read, all others (N,) float32 or uint32.
        about: Plain values on how the table was read.
    """

    dimensions: int
    origin: np.ndarray
    box: np.ndarray
    first: np.ndarray
    level: np.ndarray
    parent: np.ndarray
    spacing: np.ndarray
    columns: tuple[ColumnAbout, ...]
    values: dict[str, np.ndarray]
    about: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of localisations."""
        return int(self.first[-1])

    def column(self, name: str) -> ColumnAbout:
        """Return what is known of a column.

        Raises:
            NotThereError: There is no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        known = ", ".join(column.name for column in self.columns)
        raise NotThereError(f"expected one of the columns {known}; found {name!r}")

    def node(self, node: int, name: str) -> np.ndarray:
        """Return the values of a column in a node.

        Raises:
            NotThereError: There is no such node or column.
        """
        pick(range(len(self.level)), node, "node")
        if name not in self.values:
            self.column(name)
        return self.values[name][self.first[node] : self.first[node + 1]]

    def header(self) -> dict[str, Any]:
        """Return nodes, box and columns as plain values."""
        children: list[list[int]] = [[] for _ in self.level]
        for node, parent in enumerate(self.parent.tolist()):
            if parent >= 0:
                children[parent].append(node)
        sizes, levels = np.diff(self.first).tolist(), self.level.tolist()
        boxes, spacing = self.box.astype(np.float64).tolist(), self.spacing.tolist()
        nodes = [
            {
                "id": node,
                "level": levels[node],
                "box": boxes[node],
                "rows": sizes[node],
                "children": children[node],
                "spacing": spacing[node],
            }
            for node in range(len(levels))
        ]
        return {
            "dimensions": self.dimensions,
            "n": len(self),
            "unit": "nm",
            "origin": self.origin.tolist(),
            "box": boxes[0],
            "columns": [column.header() for column in self.columns],
            "nodes": nodes,
            "root": 0,
        }


def in_memory(name: str, values: np.ndarray) -> np.ndarray:
    """Keep the values of a column as they are."""
    return values


def build_levels(
    table: pl.DataFrame,
    dimensions: int,
    names: ColumnNames | None = None,
    about: dict[str, Any] | None = None,
    keep: Keep = in_memory,
) -> Levels:
    """Put localisations into nodes, and describe their columns.

    Args:
        table: Positions in nm; all other columns of numbers and flags become columns too, and the density is added.
        dimensions: 2, or 3 where the table holds ``z``.
        names: Names and units that the table does not hold itself.
        about: Plain values to keep with it.
        keep: Stores the values of each column.

    Raises:
        DataError: A position is missing or not finite.
    """
    names = names or ColumnNames()
    axes = [_axis(table, name) for name in schema.position_columns(dimensions)]
    nodes = make_nodes(axes)
    origin = np.array([(float(axis.min()) + float(axis.max())) / 2 if len(axis) else 0.0 for axis in axes])
    position = np.empty((table.height, dimensions), dtype="<f4")
    for place, axis in enumerate(axes):
        position[:, place] = (axis - origin[place])[nodes.order]
    del axes
    box = bounds(position, nodes) if table.height else np.zeros((1, 2, dimensions), dtype=np.float32)
    values = {ROW: keep(ROW, nodes.order.astype("<u4", copy=False)), POSITION: keep(POSITION, position)}
    columns = []
    for column, own in _encoded(table, names, nodes.order, position):
        columns.append(column)
        values[column.name] = keep(column.name, own)
    return Levels(
        dimensions=dimensions,
        origin=origin,
        box=box,
        first=nodes.first,
        level=nodes.level,
        parent=nodes.parent,
        spacing=nodes.spacing,
        columns=tuple(columns),
        values=values,
        about=dict(about or {}),
    )


def _axis(table: pl.DataFrame, name: str) -> np.ndarray:
    if name not in table.columns:
        raise DataError(f"expected the column {name} of positions; found {', '.join(table.columns) or 'none'}")
    values = table[name].cast(pl.Float64).to_numpy()
    if not np.isfinite(values).all():
        raise DataError(f"expected finite positions; found others in the column {name}. Take these rows out")
    return values


def _encoded(
    table: pl.DataFrame, names: ColumnNames, order: np.ndarray, position: np.ndarray
) -> Iterator[tuple[ColumnAbout, np.ndarray]]:
    """Yield each column with its values in the order of the nodes, one after the other: memory."""
    shown = _shown(table)
    for name in shown:
        column, values = encode(table[name], names)
        yield column, values[order]
    if table.height and schema.DENSITY not in shown:
        yield _density(position)


def _shown(table: pl.DataFrame) -> list[str]:
    """Return the columns that become ones of the viewer: numbers and flags, without x, y and the view."""
    left_out = {schema.X, schema.Y, schema.VIEW, POSITION, ROW}
    types = table.schema.items()
    return [name for name, dtype in types if name not in left_out and (dtype.is_numeric() or dtype == pl.Boolean)]


def _density(position: np.ndarray) -> tuple[ColumnAbout, np.ndarray]:
    values, side = local_density(position)
    meaning = f"localisations nearby, with weights of a Gaussian of {side:.3g} nm"
    units = {schema.DENSITY: f"1/nm^{position.shape[1]}"}
    return describe(schema.DENSITY, values, ColumnNames(units, {schema.DENSITY: schema.LOG}), meaning), values
