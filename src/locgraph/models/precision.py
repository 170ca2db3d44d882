"""16-bit where it is safe: dense layers. Geometry, sums over edges and softmax are held to 32 bits here."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.utils import scatter, softmax


def pool(values: Tensor, index: Tensor, size: int, reduce: str) -> Tensor:
    """Reduces rows that share an index, in 32 bits.

    Args:
        values: (E, F), any floating type.
        index: (E,) int64, the row that each value goes to.
        size: Number of rows of the result.
        reduce: ``sum``, ``mean`` or ``max``.

    Returns:
        (size, F) float32; rows that receive nothing are 0.
    """
    values = values.float()
    if reduce == "max":
        # as PyG's scatter does it, without its warning on a GPU that a package is missing
        rows = index[:, None].expand_as(values)
        return values.new_zeros((size, values.shape[1])).scatter_reduce(0, rows, values, "amax", include_self=False)
    return scatter(values, index, dim=0, dim_size=size, reduce=reduce)


def neighbour_softmax(values: Tensor, index: Tensor, size: int) -> Tensor:
    """Softmax over the rows that share an index, in 32 bits: (E, F) to (E, F) float32."""
    return softmax(values.float(), index, num_nodes=size)


def distances(positions: Tensor, edge_index: Tensor) -> Tensor:
    """Length of each edge, in 32 bits.

    Args:
        positions: (N, D) in units of order one.
        edge_index: (2, E) int64.

    Returns:
        (E,) float32.
    """
    # the tiny constant keeps the gradient of coincident points finite
    return ((positions[edge_index[0]] - positions[edge_index[1]]).float().square().sum(dim=1) + 1e-12).sqrt()


def no_autocast(device: torch.device) -> torch.autocast:
    """Switches 16-bit off within a block."""
    return torch.autocast(device.type, enabled=False)
