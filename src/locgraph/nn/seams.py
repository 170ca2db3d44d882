"""Where others may look on or step in: modules without weights, which a forward hook of torch sees at work."""

from __future__ import annotations

from torch import Tensor, nn

from locgraph.nn.precision import neighbour_softmax


class Messages(nn.Module):
    """Messages of a layer on their way along its edges; they pass as they are, unless a hook changes them.

    Each layer of a cluster encoder lets its messages through once, before they are put together. The first of them
    are those along the edges that the layer was handed, in their order; those of clusters to themselves may follow.

    Args:
        relation: The edge type, where a layer has several; None for the edges that the layer was handed.
    """

    def __init__(self, relation: tuple[str, str, str] | None = None) -> None:
        super().__init__()
        self.relation = relation

    def forward(self, messages: Tensor, edge_index: Tensor) -> Tensor:
        """(E, ...) and the edges that they go along (2, E) int64 to the same messages."""
        del edge_index
        return messages


class NeighbourSoftmax(nn.Module):
    """``neighbour_softmax`` as a part of a network, so that a hook sees the weights.

    Args:
        rows: What the first rows are: an edge type, with its edges in their order; or a node type, with its nodes in
            their order and as many rows for each. None for the edges that the layer was handed.
    """

    def __init__(self, rows: tuple[str, str, str] | str | None = None) -> None:
        super().__init__()
        self.rows = rows

    def forward(self, values: Tensor, index: Tensor, size: int) -> Tensor:
        """Softmax over the rows that share an index, in 32 bits: (E, F) to (E, F) float32."""
        return neighbour_softmax(values, index, size)
