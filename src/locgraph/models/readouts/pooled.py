"""Readout by one or several reductions over the clusters of a graph."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from locgraph.errors import ConfigError
from locgraph.models.precision import pool


class Pooled(nn.Module):
    """Reduces each channel over all clusters of a graph; several reductions stand side by side.

    Args:
        in_channels: Size of the cluster vectors.
        reduce: Some of ``max``, ``mean``, ``sum``.

    Raises:
        ConfigError: ``reduce`` is empty or names something else.
    """

    def __init__(self, in_channels: int, reduce: Sequence[str] = ("max",)) -> None:
        super().__init__()
        if not reduce or any(name not in ("max", "mean", "sum") for name in reduce):
            raise ConfigError(f"model.readout.reduce must be some of max, mean, sum, found {list(reduce)}")
        self.reduce = tuple(reduce)
        self.out_channels = in_channels * len(self.reduce)

    def forward(self, x: Tensor, batch: Tensor, n_graphs: int) -> Tensor:
        """(C, F) and (C,) int64 to (n_graphs, F times reductions) float32."""
        return torch.cat([pool(x, batch, n_graphs, name) for name in self.reduce], dim=1)
