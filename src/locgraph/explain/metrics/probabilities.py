"""What a network says of part of the clusters of a FOV, for every class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from locgraph.explain.coalitions import subgraphs
from locgraph.nn.network import Network

_MAX_ROWS: Final = 200_000
"""Nodes and edges of one batch; a FOV that is larger by itself goes alone."""


@dataclass(frozen=True)
class Parts:
    """Class probabilities, (K,) float32 each, of one FOV and of what a selection makes of it.

    Attributes:
        whole: All clusters.
        kept: The selected clusters alone.
        removed: All but the selected clusters.
    """

    whole: Tensor
    kept: Tensor
    removed: Tensor


def parts(network: Network, graph: HeteroData, selected: Tensor) -> Parts:
    """Asks the network about a FOV, the selected clusters and the rest.

    Args:
        network: The network, in evaluation mode.
        graph: A PyG batch of one graph of C clusters, scaled.
        selected: (C,) bool.

    Returns:
        What it says.
    """
    masks = torch.stack([torch.ones_like(selected), selected, ~selected])
    return Parts(*class_probabilities(network, graph, masks))


def class_probabilities(network: Network, graph: HeteroData, masks: Tensor) -> Tensor:
    """Probabilities of all classes for sets of clusters, each taken out of the graph with its localisations and edges.

    No clusters give every class 1 / K, as in `locgraph.explain.coalitions.Coalitions`.

    Args:
        network: The network, in evaluation mode.
        graph: A PyG batch of one graph of C clusters, scaled.
        masks: The clusters that are kept, (M, C) bool.

    Returns:
        (M, K) float32.
    """
    rows = sum(int(graph[name].num_nodes) for name in graph.node_types)
    rows += sum(int(graph[name].num_edges) for name in graph.edge_types)
    with torch.no_grad():
        batches = masks.split(max(1, _MAX_ROWS // max(rows, 1)))
        found = torch.cat([network(subgraphs(graph, batch)).float().softmax(dim=1) for batch in batches])
    found[~masks.any(dim=1)] = 1 / found.shape[1]
    return found
