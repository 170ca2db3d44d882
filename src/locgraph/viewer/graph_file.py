"""View 0 of a graph of the store, read without torch: nodes, and the edges of each type."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from safetensors import safe_open

from locgraph import schema
from locgraph.errors import DataError
from locgraph.graphs.layout import ABOUT, SEPARATOR, SIZES, joined_axis

MOST_EDGES: Final = 400_000
"""Of more edges of a type this number is drawn, evenly chosen: a page shows no more."""


@dataclass(frozen=True)
class Edges:
    """Edges of one type.

    Attributes:
        path: File of the graph.
        types: Type of the nodes that send, of the edge, and of the nodes that receive.
        n: Number of edges.
    """

    path: Path
    types: tuple[str, str, str]
    n: int

    @property
    def name(self) -> str:
        """Both node types and that of the edge."""
        return " ".join(self.types)

    @property
    def between(self) -> str:
        """``localisation`` where localisations are at one end at least, else ``cluster``."""
        ends = (self.types[0], self.types[2])
        return schema.LOCALISATION if any(end.startswith(schema.LOCALISATION) for end in ends) else schema.CLUSTER

    def header(self) -> dict[str, Any]:
        """Return what is known before the edges are read, as plain values."""
        own = {"name": self.name, "n": self.n, "sent": min(self.n, MOST_EDGES), "between": self.between}
        return own | {"source": self.types[0], "target": self.types[2]}

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """Read the edges that are drawn.

        Returns:
            Ends (E, 2, D) float64 nm in the coordinates of the file, and both nodes (E, 2) uint32 among those of their
            type.

        Raises:
            DataError: The file cannot be read.
        """
        with open_graph(self.path) as graph:
            pairs = graph.tensor(SEPARATOR.join((*self.types, schema.EDGE_INDEX))).T
            if self.n > MOST_EDGES:
                pairs = pairs[np.arange(MOST_EDGES) * self.n // MOST_EDGES]
            ends = [graph.positions(self.types[place])[pairs[:, side]] for side, place in ((0, 0), (1, 2))]
        return np.stack(ends, axis=1), pairs.astype("<u4")


class GraphView:
    """View 0 of an open file.

    Args:
        file: As `safe_open` gives it.
        sizes: Tensor -> its size in each view.
    """

    def __init__(self, file: Any, sizes: dict[str, list[int]]) -> None:
        self._file = file
        self.sizes = sizes

    def tensor(self, name: str) -> np.ndarray:
        """Return the part of a tensor that is of view 0."""
        part, size = self._file.get_slice(name), self.sizes[name][0]
        return part[:size] if joined_axis(name) == 0 else part[:, :size]

    def attribute(self, node: str, name: str) -> np.ndarray | None:
        """Return an attribute of the nodes of a type; None where they have none."""
        key = SEPARATOR.join((node, name))
        return self.tensor(key) if key in self.sizes else None

    def positions(self, node: str) -> np.ndarray:
        """Return the positions (n, D) float64 nm of the nodes of a type, in the coordinates of the file."""
        return self.tensor(SEPARATOR.join((node, schema.POS))).astype(np.float64) + self.tensor(schema.ORIGIN)

    def edge_types(self) -> list[tuple[str, str, str]]:
        """Return the types of edges."""
        places = (name.split(SEPARATOR) for name in self.sizes if name.endswith(schema.EDGE_INDEX))
        return [(source, kind, target) for source, kind, target, _ in places]


@contextmanager
def open_graph(path: Path) -> Iterator[GraphView]:
    """Open a file of the graph store.

    Raises:
        DataError: It is missing, damaged, or none of the store.
    """
    try:
        with safe_open(path, "numpy") as file:
            sizes = json.loads(file.metadata()[ABOUT])[SIZES]
            yield GraphView(file, sizes)
    except Exception as error:  # a damaged file may raise nearly anything
        raise DataError(
            f"{path}: expected graphs of locgraph (safetensors); found none that can be read ({error}). Build "
            "them again"
        ) from error


def read_edges(path: Path) -> tuple[Edges, ...]:
    """Return the edges of each type that has any, without reading them.

    Raises:
        DataError: The file cannot be read.
    """
    with open_graph(path) as graph:
        sizes = {types: graph.sizes[SEPARATOR.join((*types, schema.EDGE_INDEX))][0] for types in graph.edge_types()}
    return tuple(Edges(path, types, size) for types, size in sizes.items() if size)
