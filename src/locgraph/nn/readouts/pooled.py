"""Readout by one or several reductions over the clusters of a graph."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from locgraph.errors import ConfigError
from locgraph.nn.precision import pool
from locgraph.nn.sizes import DataSizes


class Pooled(nn.Module):
    """Reduces each channel over all clusters of a graph; several reductions stand side by side.

    Args:
        in_channels: Size of the cluster vectors.
        sizes: Numbers from the data.
        reduce: Some of ``max``, ``mean``, ``sum``.

    Raises:
        ConfigError: ``reduce`` is empty or names something else.
    """

    def __init__(self, in_channels: int, sizes: DataSizes, reduce: Sequence[str] = ("max",)) -> None:
        super().__init__()
        check_reductions("model.readout.reduce", reduce)
        self.reduce = tuple(reduce)
        self.out_channels = in_channels * len(self.reduce)

    def forward(self, x: Tensor, batch: Tensor, n_graphs: int) -> Tensor:
        """(C, F) and (C,) int64 to (n_graphs, F times reductions) float32."""
        return reduced(x, batch, n_graphs, self.reduce)


def reduced(x: Tensor, index: Tensor, size: int, reduce: Sequence[str]) -> Tensor:
    """Reductions of the rows that share an index, side by side.

    Args:
        x: (C, F).
        index: (C,) int64, the row that each vector goes to.
        size: Number of rows of the result.
        reduce: Some of ``max``, ``mean``, ``sum``.

    Returns:
        (size, F times reductions) float32; rows that receive nothing are 0.
    """
    return torch.cat([pool(x, index, size, name) for name in reduce], dim=1)


def check_reductions(setting: str, reduce: Sequence[str]) -> None:
    """Refuses what is no list of reductions.

    Raises:
        ConfigError: It is empty, or names something else than ``max``, ``mean`` and ``sum``.
    """
    if not reduce or any(name not in ("max", "mean", "sum") for name in reduce):
        raise ConfigError(f"{setting} must be some of max, mean, sum, found {list(reduce)}")
