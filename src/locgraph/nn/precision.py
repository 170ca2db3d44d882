"""Operations that stay in 32 bits under 16-bit mixed precision: sums over edges, softmax over neighbours, distances."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.utils import scatter

from locgraph.nn.rows import gather, largest, softmax


def pool(values: Tensor, index: Tensor, size: int, reduce: str) -> Tensor:
    """Reduce rows that share an index, in 32 bits.

    Args:
        values: (E, F), any floating type.
        index: (E,) int64, the row that each value goes to.
        size: Number of rows of the result.
        reduce: ``sum``, ``mean`` or ``max``.

    Returns:
        (size, F) float32; rows that receive nothing are 0.
    """
    if reduce == "max":
        return largest(values, index, size)
    return scatter(values.float(), index, dim=0, dim_size=size, reduce=reduce)


def neighbour_softmax(values: Tensor, index: Tensor, size: int) -> Tensor:
    """Return the softmax over the rows that share an index, in 32 bits: (E, F) to (E, F) float32."""
    return softmax(values.float(), index, size)


def distances(positions: Tensor, edge_index: Tensor, of_targets: Tensor | None = None) -> Tensor:
    """Return the length of each edge, in 32 bits.

    Args:
        positions: (N, D) in units of order one.
        edge_index: (2, E) int64: source, target.
        of_targets: (M, D), where the targets are other nodes than the sources.

    Returns:
        (E,) float32.
    """
    ends = positions if of_targets is None else of_targets
    # the tiny constant keeps the gradient of coincident points finite
    return ((gather(positions, edge_index[0]) - gather(ends, edge_index[1])).float().square().sum(dim=1) + 1e-12).sqrt()


def no_autocast(device: torch.device) -> torch.autocast:
    """Return a context in which all is computed in 32 bits."""
    return torch.autocast(device.type, enabled=False)
