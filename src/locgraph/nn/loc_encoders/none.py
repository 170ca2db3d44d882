"""No localisation encoder: clusters are described by their hand-made features alone."""

from __future__ import annotations

from torch import Tensor, nn
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.nn.sizes import DataSizes


class NoEncoder(nn.Module):
    """Gives each cluster an empty vector.

    Args:
        sizes: Numbers from the data.
    """

    uses_localisations = False

    def __init__(self, sizes: DataSizes) -> None:
        super().__init__()
        self.out_channels = 0

    def forward(self, graph: HeteroData) -> Tensor:
        """Batch of graphs to (C, 0)."""
        positions = graph[schema.CLUSTER][schema.POS]
        return positions.new_empty((len(positions), 0))
