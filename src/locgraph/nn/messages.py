"""Sums of messages in 32 bits, open to the hooks and explainers of PyG.

A layer computes its messages and hands them to an `Aggregate`, which holds no weights. As this is message passing of
PyG, a ``register_message_forward_hook`` reads or changes the messages of every layer alike, PyG's own layers included.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch_geometric.nn import MessagePassing

from locgraph.nn.precision import pool
from locgraph.nn.rows import gather

EdgeType = tuple[str, str, str]
"""Node type of the source, name, node type of the target."""


class In32Bits:
    """Mixin for layers of PyG: sums messages in 32 bits, and the gradients of gathered node vectors too.

    Under 16-bit mixed precision PyG's layers would do both in 16 bits, and take a third longer for it (19 000 edges).
    """

    aggr: Any

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        # PyG would write a module for each class to a temporary file, and leave it there: 0.1 s, to save 2 us in a call
        cls.propagate = _propagate  # type: ignore[attr-defined]

    def _lift(self, src: Tensor, edge_index: Tensor, dim: int) -> Tensor:
        return gather(src, edge_index[dim])

    def aggregate(self, inputs: Tensor, index: Tensor, dim_size: int) -> Tensor:
        """(E, ...) to (dim_size, ...) float32; nodes that receive nothing are 0."""
        return pool(inputs, index, dim_size, "sum" if self.aggr == "add" else self.aggr)


def _propagate(self: MessagePassing, edge_index: Tensor, size: Any = None, **arguments: Any) -> Tensor:
    gathered: Tensor = MessagePassing.propagate(self, edge_index, size=size, **arguments)
    return gathered


class Aggregate(In32Bits, MessagePassing):
    """Sum, mean or largest value of the messages to each node.

    Args:
        reduce: ``sum``, ``mean`` or ``max``.
        edge_type: The edge type, in layers of several; None for the edges that the layer is handed.
    """

    def __init__(self, reduce: str = "sum", edge_type: EdgeType | None = None) -> None:
        super().__init__(aggr=reduce, node_dim=0)
        self.edge_type = edge_type

    def forward(self, messages: Tensor, edge_index: Tensor, size: int) -> Tensor:
        """Aggregate messages.

        Args:
            messages: (E, ...), one for each edge.
            edge_index: (2, E) int64: source, target.
            size: Number of targets M.

        Returns:
            (M, ...) float32; 0 where nothing is received.
        """
        gathered: Tensor = self.propagate(edge_index, messages=messages, size=(None, size))
        return gathered

    def message(self, messages: Tensor) -> Tensor:
        """Return the message of each edge."""
        return messages


class AttentionSum(In32Bits, MessagePassing):
    """Sum of the messages to each node, weighted by attention.

    Hooks find the weights as ``alpha`` among the arguments of `message`, as in PyG's layers.

    Args:
        edge_type: The edge type, in layers of several; None for the edges that the layer is handed.
    """

    def __init__(self, edge_type: EdgeType | None = None) -> None:
        super().__init__(aggr="sum", node_dim=0)
        self.edge_type = edge_type

    def forward(self, alpha: Tensor, messages: Tensor, edge_index: Tensor, size: int) -> Tensor:
        """Sum weighted messages.

        Args:
            alpha: Weight of each message (E, H) float32, one for each head; or (E, F), one for each channel.
            messages: (E, H, F); or (E, F).
            edge_index: (2, E) int64: source, target.
            size: Number of targets M.

        Returns:
            (M, H F) or (M, F) float32; 0 where nothing is received.
        """
        gathered: Tensor = self.propagate(edge_index, alpha=alpha, messages=messages, size=(None, size))
        return gathered.flatten(1)

    def message(self, alpha: Tensor, messages: Tensor) -> Tensor:
        """Return the weighted message of each edge."""
        return alpha.view(*alpha.shape, *[1] * (messages.dim() - alpha.dim())) * messages
