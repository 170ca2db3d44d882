"""What a network predicts for subsets of the clusters of a FOV, many at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Final

import torch
from torch import Tensor
from torch_geometric.data import Batch, HeteroData

from locgraph import schema
from locgraph.explain import outputs
from locgraph.explain.base import n_clusters
from locgraph.explain.time_limit import OutOfTimeError
from locgraph.nn.base import Encoded
from locgraph.nn.localisations import owners
from locgraph.nn.network import Network

_PER_GRAPH: Final = ("batch", "ptr")
_MAX_ROWS: Final = 30_000
"""Nodes and edges of one batch: intermediate values of more do not fit the cache of a core."""
_MAX_CLUSTERS: Final = 3_000
"""The same of clusters, where their edges are matrices that all subsets share."""
_MAX_PADDED: Final = 24_000
"""The same of clusters with those that are left out, which such matrices multiply as well."""
_ROWS_OF_CLUSTER_EDGE: Final = 5
"""Weight of an edge between clusters in this count: its vectors are longer than those of localisations."""
_MAX_MASK: Final = 20_000_000
"""Entries of the masks of nodes or edges while a batch is made."""


def subgraphs(graph: HeteroData, masks: Tensor) -> HeteroData:
    """Return copies of a graph, each with a subset of its clusters.

    A cluster is removed with its localisations of all levels and its edges, a supercluster with the last of its
    members. The ``FIELD_OF_VIEW`` node, and the features of the remaining superclusters, stay as they are.

    Args:
        graph: A PyG batch of one graph.
        masks: The clusters that each copy keeps, (M, C) bool.

    Returns:
        The PyG batch of the M copies, with nodes, edges and parents as if it were made of one graph after the other.
        Attributes of the batch as a whole, such as names of FOVs, are left out.
    """
    kept = _kept_nodes(graph, masks)
    new_row = {name: torch.cumsum(mask.flatten(), 0).view_as(mask) - 1 for name, mask in kept.items()}
    batch = Batch(_base_cls=HeteroData)
    for name, mask in kept.items():
        copies, rows = mask.nonzero(as_tuple=True)
        ends = torch.cumsum(mask.sum(dim=1), 0)
        for key, value in graph[name].items():
            if key not in _PER_GRAPH:
                batch[name][key] = value[rows]
        batch[name].batch, batch[name].ptr = copies, torch.cat([ends.new_zeros(1), ends])
    for index in range(1, _n_levels(graph)):
        _renumber_parents(batch, schema.level(index - 1), schema.level(index), new_row)
    for edge_type in graph.edge_types:
        source, target = edge_type[0], edge_type[2]
        sources, targets = graph[edge_type].edge_index
        copies, edges = (kept[source][:, sources] & kept[target][:, targets]).nonzero(as_tuple=True)
        ends_of_edges = new_row[source][copies, sources[edges]], new_row[target][copies, targets[edges]]
        batch[edge_type].edge_index = torch.stack(ends_of_edges)
    batch._num_graphs = len(masks)
    return batch


def _kept_nodes(graph: HeteroData, masks: Tensor) -> dict[str, Tensor]:
    """Return the nodes of each type that each copy keeps, (M, n) bool."""
    kept = {name: masks.new_ones((len(masks), graph[name].num_nodes)) for name in graph.node_types}
    kept[schema.CLUSTER] = masks
    for index in range(_n_levels(graph)):
        kept[schema.level(index)] = masks[:, owners(graph, index)]
    index = 0
    while schema.superlevel_in(index) in graph.edge_types:
        below, _, above = schema.superlevel_in(index)
        members, holders = graph[schema.superlevel_in(index)].edge_index
        held = torch.zeros(kept[above].shape).index_add_(1, holders, kept[below][:, members].float())
        kept[above] = held > 0
        index += 1
    return kept


def _n_levels(graph: HeteroData) -> int:
    """Return the number of levels of localisations in a graph."""
    index = 0
    while schema.level_in(index) in graph.edge_types:
        index += 1
    return index


def _renumber_parents(batch: HeteroData, below: str, name: str, new_row: dict[str, Tensor]) -> None:
    """Set parents, which count within their own copy, as they do in every batch."""
    if schema.PARENT in batch[name]:
        copies = batch[name].batch
        batch[name][schema.PARENT] = new_row[below][copies, batch[name][schema.PARENT]] - batch[below].ptr[copies]


class Coalitions:
    """The value of sets of clusters: the probability that a network predicts for a class from these clusters alone.

    Other clusters are removed from the graph, not set to 0. The value of the empty set is 1 / K for K classes, whatever
    the network would predict for an empty graph. No set is evaluated twice. Against another class the value is the
    difference of both logits, 0 for the empty set.

    Args:
        network: The network, in evaluation mode.
        graph: A PyG batch of one graph of C clusters, scaled.
        target: Index of the class.
        max_clusters: Clusters in one batch, fewer where they have many localisations and edges; a larger set is
            evaluated alone.
        against: Index of another class; None for the probability.

    Attributes:
        n_clusters: Number of clusters C.
        n_evaluated: Sets that the network has evaluated so far.
        out_of_time: Whether a limit of time ended the evaluation; values that are not known by then are NaN.
    """

    def __init__(
        self,
        network: Network,
        graph: HeteroData,
        target: int,
        max_clusters: int = 4096,
        against: int | None = None,
    ) -> None:
        self.network, self.graph, self.target, self.against = network, graph, target, against
        self.max_clusters = max_clusters
        self.n_clusters = n_clusters(graph)
        self.n_evaluated = 0
        self.out_of_time = False
        self._predict = _Predictor(network, graph)
        rows = _rows_of_clusters(self._predict.copied) / self._predict.most_rows
        self._filled_by_cluster = rows.clamp(min=1 / max_clusters)
        self._filled_by_copy = max(_width(self._predict.copied) / _MAX_MASK, self._predict.filled_by_copy)
        whole = torch.ones((1, self.n_clusters), dtype=torch.bool)
        logits = self._logits(whole)
        self._known = {key: float(outputs.value(logits, target, against)) for key in _keys(whole)}
        self._known |= dict.fromkeys(_keys(~whole), outputs.empty_value(logits.shape[1], against))

    @property
    def whole(self) -> float:
        """Value of all clusters."""
        return float(self.values(torch.ones((1, self.n_clusters), dtype=torch.bool)))

    @property
    def empty(self) -> float:
        """Value of no clusters."""
        return float(self.values(torch.zeros((1, self.n_clusters), dtype=torch.bool)))

    def values(self, masks: Tensor) -> Tensor:
        """Return the values of sets of clusters: (M, C) bool to (M,) float32; NaN where time was over before."""
        keys = _keys(masks)
        new = {key: row for row, key in enumerate(keys) if key not in self._known}
        left = iter(new)
        try:
            for batch in self._batches(masks[list(new.values())]):
                values = outputs.value(self._logits(batch), self.target, self.against).tolist()
                self._known |= {key: value for value, key in zip(values, left, strict=False)}
        except OutOfTimeError:
            self.out_of_time = True
        return torch.tensor([self._known.get(key, math.nan) for key in keys])

    def known(self) -> tuple[Tensor, Tensor]:
        """Return all sets evaluated so far, (M, C) bool, and their values (M,) float32."""
        entries = torch.frombuffer(bytearray(b"".join(self._known)), dtype=torch.bool)
        return entries.view(-1, self.n_clusters), torch.tensor(list(self._known.values()))

    def _batches(self, masks: Tensor) -> Iterator[Tensor]:
        """Split (M, C) masks into batches of one mask at least."""
        filled = torch.cumsum((masks.double() @ self._filled_by_cluster).clamp(min=self._filled_by_copy), 0)
        start = 0
        while start < len(masks):
            before = filled[start - 1] if start else filled.new_zeros(())
            end = max(start + 1, int(torch.searchsorted(filled, before + 1.0, right=True)))
            yield masks[start:end]
            start = end

    def _logits(self, masks: Tensor) -> Tensor:
        """Predict (M, C) bool to logits (M, K)."""
        self.n_evaluated += len(masks)
        with torch.no_grad():
            return self._predict(masks)


class _Predictor:
    """Predicts subsets of the clusters of a graph.

    Clusters are described by their own localisations alone: that is done once, where no later part reads these. So is
    all that the cluster encoder computes of edges, where it does not change with the other clusters. A module that is
    no `Network` has no such parts, and is given whole graphs.

    Attributes:
        copied: What is copied for each subset.
        most_rows: Nodes and edges of it that fill one batch.
        filled_by_copy: Part of a batch that each copy fills, whatever it keeps.
    """

    def __init__(self, network: Network, graph: HeteroData) -> None:
        self.network, self.copied, self.most_rows = network, graph, _MAX_ROWS
        self.filled_by_copy = 0.0
        self._described: Tensor | None = None
        self._encode: Callable[[Tensor], Tensor] | None = None
        later = (network.cluster_encoder, network.readout, network.head) if isinstance(network, Network) else ()
        if not later or any(part.uses_localisations for part in later):
            return
        clusters, edge_index = graph[schema.CLUSTER], graph[schema.CLUSTER_NEAR].edge_index
        with torch.no_grad():
            self._described, _ = network.describe(graph)
            self._encode = network.cluster_encoder.on_subsets(self._described, clusters[schema.POS], edge_index)
        levels = {schema.level(index) for index in range(_n_levels(graph))}
        self.copied = graph.node_type_subgraph([name for name in graph.node_types if name not in levels])
        if self._encode is not None:
            self.copied[schema.CLUSTER_NEAR].edge_index = edge_index[:, :0]
            self.most_rows, self.filled_by_copy = _MAX_CLUSTERS, n_clusters(graph) / _MAX_PADDED

    def __call__(self, masks: Tensor) -> Tensor:
        """Predict (M, C) bool to logits (M, K)."""
        batch = subgraphs(self.copied, masks)
        if self._described is None:
            return self.network(batch)
        if self._encode is None:
            encoded = self.network.encode_clusters(batch, self._described[masks.nonzero()[:, 1]], [])
        else:
            x = self._encode(masks)
            encoded = Encoded(batch, [], x, self.network.readout(x, batch))
        return self.network.classify(encoded)[schema.FIELD_OF_VIEW]


def _keys(masks: Tensor) -> list[bytes]:
    return [row.tobytes() for row in masks.numpy()]


def _rows_of_clusters(graph: HeteroData) -> Tensor:
    """Return the largest number of nodes and edges that each cluster adds to a batch: (C,) float64."""
    count = n_clusters(graph)
    of_type = {schema.level(index): owners(graph, index) for index in range(_n_levels(graph))}
    of_type[schema.CLUSTER] = torch.arange(count)
    of_edges = [of_type[kind[2]][graph[kind].edge_index[1]] for kind in graph.edge_types if kind[2] in of_type]
    of_edges += [graph[schema.CLUSTER_NEAR].edge_index[1]] * (_ROWS_OF_CLUSTER_EDGE - 1)
    return torch.bincount(torch.cat([*of_type.values(), *of_edges]), minlength=count).double()


def _width(graph: HeteroData) -> int:
    """Return the largest number of nodes or edges of one type."""
    edges = [graph[kind].num_edges for kind in graph.edge_types]
    return max([*edges, *(graph[name].num_nodes for name in graph.node_types)])
