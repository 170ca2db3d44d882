"""Calling a readout, whichever of the two kinds it is."""

from __future__ import annotations

from torch import Tensor, nn
from torch_geometric.data import HeteroData

from locgraph import schema


def read_out(readout: nn.Module, x: Tensor, graph: HeteroData) -> Tensor:
    """One vector for each graph.

    Args:
        readout: Is handed vectors, batch and number of graphs; or vectors and graph, where it states ``reads_graph``.
        x: Vectors of the clusters (C, F).
        graph: Batch of B graphs.

    Returns:
        (B, F') float32.
    """
    if getattr(readout, "reads_graph", False):
        found: Tensor = readout(x, graph)
    else:
        found = readout(x, graph[schema.CLUSTER].batch, graph.num_graphs)
    return found
