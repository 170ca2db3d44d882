"""Many graphs as one column of values for each attribute: a batch of any of them is made without a loop over graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Batch, HeteroData

from locgraph import schema
from locgraph.data.join import by_type
from locgraph.data.scaling import Scaler

EdgeType = tuple[str, str, str]


@dataclass(frozen=True)
class Column:
    """Values of one node or edge type of G graphs, one graph after the other.

    Attributes:
        values: Attribute -> values of all graphs, (rows, ...); edges (rows, 2), counted within their graph.
        starts: Row at which each graph starts, and the end, (G + 1,) int64.
    """

    values: dict[str, Tensor]
    starts: Tensor

    def rows(self, graphs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the rows of graphs (B,) int64, one graph after the other, and their numbers (B,)."""
        first = self.starts[graphs]
        sizes = self.starts[graphs + 1] - first
        ends = torch.cumsum(sizes, 0)
        shift = (first - ends + sizes).repeat_interleave(sizes)
        return shift.add_(torch.arange(len(shift))), sizes

    def of(self, graph: int) -> dict[str, Tensor]:
        """Return the values of one graph, without a copy."""
        first, end = self.starts[graph].item(), self.starts[graph + 1].item()
        return {name: values[first:end] for name, values in self.values.items()}


@dataclass(frozen=True)
class GraphColumns:
    """Graphs that have the same node types, edge types and attributes.

    Attributes:
        nodes: Node type -> its column.
        edges: Edge type -> its column, with the attribute `schema.EDGE_INDEX` alone.
        whole: Attributes of each graph as a whole.
    """

    nodes: dict[str, Column]
    edges: dict[EdgeType, Column]
    whole: tuple[Mapping[str, Any], ...]

    @classmethod
    def join(cls, graphs: Sequence[HeteroData]) -> GraphColumns:
        """Join graphs.

        Raises:
            DifferentGraphsError: They differ in what they hold.
        """
        nodes = {
            name: _column([dict(store.items()) for store in stores], schema.POS)
            for name, stores in by_type([dict(graph.node_items()) for graph in graphs]).items()
        }
        edges = {
            name: _column([{schema.EDGE_INDEX: store[schema.EDGE_INDEX].T} for store in stores], schema.EDGE_INDEX)
            for name, stores in by_type([dict(graph.edge_items()) for graph in graphs]).items()
        }
        return cls(nodes, edges, tuple(dict(graph._global_store.items()) for graph in graphs))

    @classmethod
    def concatenate(cls, parts: Sequence[GraphColumns]) -> GraphColumns:
        """Join graphs that were joined in parts, which are emptied, so that values are in memory once.

        Raises:
            DifferentGraphsError: The parts differ in what they hold; none is emptied then.
        """
        nodes, edges = by_type([part.nodes for part in parts]), by_type([part.edges for part in parts])
        for columns in nodes.values():
            by_type([column.values for column in columns])
        nodes = {name: _concatenated(columns) for name, columns in nodes.items()}
        edges = {name: _concatenated(columns) for name, columns in edges.items()}
        return cls(nodes, edges, tuple(whole for part in parts for whole in part.whole))

    def __len__(self) -> int:
        """Return the number of graphs."""
        return len(self.whole)

    def graph(self, index: int) -> HeteroData:
        """Return one graph, whose tensors are parts of the columns."""
        graph = HeteroData()
        graph._global_store._mapping.update(self.whole[index])
        for name, column in self.nodes.items():
            graph[name]._mapping.update(column.of(index))
        for edge_type, column in self.edges.items():
            graph[edge_type]._mapping[schema.EDGE_INDEX] = column.of(index)[schema.EDGE_INDEX].T
        return graph

    def scaled(self, scaler: Scaler, kept: Sequence[str]) -> GraphColumns:
        """Return the graphs with positions and features scaled, as the scaler does one by one.

        Args:
            scaler: The scaler of a fold.
            kept: Attributes of nodes that are kept.
        """
        nodes = {}
        for name, column in self.nodes.items():
            values = {key: value for key, value in column.values.items() if key in kept}
            unit: Tensor | float | None = scaler.nm_per_unit
            if unit is None:
                extents = torch.cat([each[schema.EXTENT] for each in self.whole])
                unit = scaler.unit(extents).repeat_interleave(column.starts.diff(), dim=0)
            nodes[name] = replace(column, values=values | scaler.scale_nodes(name, values, unit))
        return replace(self, nodes=nodes, whole=({},) * len(self))

    def batch(self, graphs: Tensor) -> Batch:
        """Return the PyG batch of graphs (B,) int64: equal to that of `join`."""
        batch: Batch = Batch(_base_cls=HeteroData)
        batch._num_graphs = len(graphs)
        starts = {}
        for name, column in self.nodes.items():
            rows, sizes = column.rows(graphs)
            ends = torch.cumsum(sizes, 0)
            starts[name] = ends - sizes
            node = batch[name]._mapping
            for key, values in column.values.items():
                node[key] = values.index_select(0, rows)
            node["batch"] = torch.repeat_interleave(sizes)
            node["ptr"] = torch.cat([sizes.new_zeros(1), ends])
        for edge_type, column in self.edges.items():
            rows, sizes = column.rows(graphs)
            shift = torch.stack([starts[edge_type[0]], starts[edge_type[2]]]).repeat_interleave(sizes, dim=1)
            ends_of_edges = column.values[schema.EDGE_INDEX].index_select(0, rows)
            batch[edge_type]._mapping[schema.EDGE_INDEX] = shift.add_(ends_of_edges.T)
        return batch


def _column(stores: Sequence[dict[str, Tensor]], counted: str) -> Column:
    """Join the values of one type; graphs have as many rows as ``counted`` has."""
    sizes = torch.tensor([0, *(len(store[counted]) for store in stores)])
    return Column({key: torch.cat(values) for key, values in by_type(stores).items()}, torch.cumsum(sizes, 0))


def _concatenated(columns: Sequence[Column]) -> Column:
    values = {name: torch.cat([column.values.pop(name) for column in columns]) for name in list(columns[0].values)}
    sizes = torch.cat([column.starts.diff() for column in columns])
    return Column(values, torch.cat([sizes.new_zeros(1), torch.cumsum(sizes, 0)]))
