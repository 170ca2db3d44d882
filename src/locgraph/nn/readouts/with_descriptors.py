"""Readout that joins what another one gives and what describes the FOV as a whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.nn.mlp import mlp
from locgraph.nn.readouts.call import read_out
from locgraph.nn.sizes import DataSizes


class WithDescriptors(nn.Module):
    """Puts the descriptors of each FOV, after a dense layer of their own, beside the vector of another readout.

    Args:
        in_channels: Size of the cluster vectors.
        sizes: Numbers from the data.
        readout: The other readout, unfinished: ``(in_channels, sizes) ->`` module.
        channels: Size of the vector that the descriptors become.
        dropout: Probability that a value of it is dropped in training.

    Raises:
        ConfigError: The graph store holds no descriptors, ``channels`` is below 1, or ``dropout`` is out of range.
    """

    reads_graph = True

    def __init__(
        self,
        in_channels: int,
        sizes: DataSizes,
        readout: Callable[..., nn.Module],
        channels: int = 32,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if not sizes.descriptors:
            raise ConfigError(
                "model/readout=with_descriptors reads descriptors of the FOVs, the graph store has none; set "
                "graph/descriptors=standard, or choose another readout"
            )
        self.readout = readout(in_channels=in_channels, sizes=sizes)
        self.describe = mlp([sizes.descriptors, channels], dropout, last_plain=False)
        learned: Any = self.readout.out_channels
        self.out_channels = learned + channels

    def forward(self, x: Tensor, graph: HeteroData) -> Tensor:
        """(C, in_channels) and a batch of B graphs to (B, F + channels) float32."""
        described = self.describe(graph[schema.FIELD_OF_VIEW][schema.FEATURES]).float()
        return torch.cat([read_out(self.readout, x, graph), described], dim=1)
