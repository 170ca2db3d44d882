"""The graphs of a store as data sets read them: by FOV, or those of many FOVs joined."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.data.columns import GraphColumns
from locgraph.data.join import DifferentGraphsError
from locgraph.errors import DataError
from locgraph.graphs.store import GraphStore

NO_LABEL = -1

_JOINED_AT_ONCE: Final = 64
"""FOVs whose graphs are objects of Python at the same time while many are joined."""

_SMALL_GRAPH: Final = 1 << 20
"""Bytes of a graph up to which finding its attributes takes longer than copying them."""


class LazyViews(Sequence[HeteroData]):
    """Views of one FOV, made of the columns of many graphs when they are asked for.

    Args:
        columns: The columns.
        rows: The graphs of the FOV in it.
    """

    def __init__(self, columns: GraphColumns, rows: range) -> None:
        self._columns, self._rows = columns, rows

    def __len__(self) -> int:
        """Return the number of views."""
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        """Return one view, or several."""
        rows = self._rows[index]
        return [*map(self._columns.graph, rows)] if isinstance(rows, range) else self._columns.graph(rows)


@dataclass(frozen=True)
class JoinedViews:
    """All views of several FOVs in one set of columns.

    Attributes:
        columns: The graphs.
        starts: Graph at which each FOV starts, and the end, (F + 1,) int64.
    """

    columns: GraphColumns
    starts: Tensor

    def views(self, index: int) -> LazyViews:
        """Return the views of one FOV."""
        return LazyViews(self.columns, range(int(self.starts[index]), int(self.starts[index + 1])))


class StoredGraphs:
    """Raw graphs by name of the FOV. It goes to loading processes, so it holds nothing of the trainer.

    Args:
        store: The graph store.
        localisations: Whether localisation nodes are wanted; false keeps clusters and superclusters.
        in_memory: Keep what was read in memory.
        localisation_classes: Number of classes of localisations; above 0, localisation nodes get
            ``loc_label``, -1 where they have none.
    """

    def __init__(self, store: GraphStore, localisations: bool, in_memory: bool, localisation_classes: int = 0) -> None:
        self.store, self.localisations, self.in_memory = store, localisations, in_memory
        self.localisation_classes = localisation_classes
        self._memory: dict[str, Sequence[HeteroData]] = {}
        self._joined: dict[tuple[str, ...], JoinedViews | None] = {}

    def __call__(self, fov_id: str) -> Sequence[HeteroData]:
        """Return the raw graphs of one FOV, one for each view.

        Raises:
            DataError: The file is absent or damaged, a view has no cluster, or a localisation is of no known class.
        """
        if fov_id in self._memory:
            return self._memory[fov_id]
        views = self._read(fov_id)
        if self.in_memory:
            self._memory[fov_id] = views
        return views

    def join(self, fov_ids: Sequence[str]) -> JoinedViews | None:
        """Return the raw graphs of FOVs joined, where they are kept in memory and small.

        From then on they are kept as parts of what is joined. Large graphs are as fast one by one, and would be in
        memory twice while they are joined: for these, and for FOVs that differ in what they hold, it returns None.
        """
        key = tuple(fov_ids)
        if not self.in_memory or not key:
            return None
        if key not in self._joined:
            self._joined[key] = self._join(key)
        return self._joined[key]

    def _join(self, fov_ids: tuple[str, ...]) -> JoinedViews | None:
        """Join part by part, so that few graphs are objects at a time; what was read stays in memory in any case."""
        parts, starts = [], [0]
        try:
            for first in range(0, len(fov_ids), _JOINED_AT_ONCE):
                names = fov_ids[first : first + _JOINED_AT_ONCE]
                views = [self(fov_id) for fov_id in names]
                graphs = [graph for own in views for graph in own]
                if sum(map(_n_bytes, graphs)) > _SMALL_GRAPH * len(graphs):
                    return None
                part = JoinedViews(GraphColumns.join(graphs), torch.tensor([0, *accumulate(map(len, views))]))
                self._memory |= {fov_id: part.views(index) for index, fov_id in enumerate(names)}
                parts.append(part.columns)
                starts += (starts[-1] + part.starts[1:]).tolist()
            joined = JoinedViews(GraphColumns.concatenate(parts), torch.tensor(starts))
        except DifferentGraphsError:
            return None  # raised again where such graphs meet in a batch
        self._memory |= {fov_id: joined.views(index) for index, fov_id in enumerate(fov_ids)}
        return joined

    def _read(self, fov_id: str) -> list[HeteroData]:
        views = self.store.load(fov_id)
        if any(not view[schema.CLUSTER].num_nodes for view in views):
            raise DataError(
                f"{fov_id}: expected at least one cluster in each view, found none in {self.store.path(fov_id)}; "
                "delete this file, so that its graphs are made anew"
            )
        if not self.localisations:
            views = [without_localisations(view) for view in views]
        if self.localisation_classes:
            for view in views:
                self._label(view, fov_id)
        return views

    def _label(self, view: HeteroData, fov_id: str) -> None:
        """Give every localisation a class or ``NO_LABEL``, so that graphs with and without them can be joined."""
        node = view[schema.LOCALISATION]
        labels = node[schema.TARGET] if schema.TARGET in node else torch.full((len(node[schema.POS]),), NO_LABEL)
        strange = sorted({*labels.unique().tolist()} - {NO_LABEL, *range(self.localisation_classes)})
        if strange:
            raise DataError(
                f"{fov_id}: expected classes of localisations from 0 to {self.localisation_classes - 1}, or "
                f"{NO_LABEL} for none, found {strange[:5]} in {schema.LOC_LABEL}; name all classes"
            )
        node[schema.LOC_LABEL] = labels

    def __getstate__(self) -> dict[str, Any]:
        # where processes are spawned, reading again is cheaper than sending every tensor
        return self.__dict__ | {"_memory": {}, "_joined": {}}


def _n_bytes(graph: HeteroData) -> int:
    return sum(value.nbytes for store in graph.stores for value in store.values() if isinstance(value, Tensor))


def without_localisations(graph: HeteroData) -> HeteroData:
    """Return clusters, and superclusters where there are any, alone; a shallow copy."""
    clusters = copy.copy(graph)
    for node_type in graph.node_types:
        if _of_localisations(node_type):
            del clusters[node_type]
    for edge_type in graph.edge_types:
        if _of_localisations(edge_type[0]):
            del clusters[edge_type]
    return clusters


def _of_localisations(node_type: str) -> bool:
    return node_type.startswith(schema.LOCALISATION)
