"""The frame that cluster encoders share: a first dense layer to one size, then blocks that follow each other."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from locgraph.nn.mlp import check_sizes, mlp
from locgraph.nn.precision import distances


def make_lift(in_channels: int, channels: int) -> tuple[nn.Sequential | None, nn.Parameter]:
    """What gives nodes their first vectors: a dense layer where they have features, and a vector that all share.

    Args:
        in_channels: Number of features, 0 or more.
        channels: Size of the first vectors.

    Returns:
        The dense layer, None without features, and the vector (channels,).
    """
    # without features the vector is all that a node has: at zero the first layer would send nothing
    if in_channels:
        return mlp([in_channels, channels]), nn.Parameter(torch.zeros(channels))
    return None, nn.Parameter(torch.randn(channels))


def lifted(x: Tensor, lift: nn.Module | None, start: Tensor) -> Tensor:
    """First vectors of nodes: (N, in_channels) to (N, channels) float32."""
    return start.expand(len(x), -1) if lift is None else lift(x).float() + start


class Block(nn.Module):
    """Normalises vectors, gathers from neighbours, and turns what was gathered into an update by dense layers.

    Args:
        gather: Vectors (C, channels) and edges to what each cluster gathers (C, channels).
        channels: Size of the vectors.
        dropout: Probability that a hidden value of the update is dropped in training.
        residual: Whether the update is added to the vectors, or takes their place.
        normalise: Whether there is layer normalisation before gathering.
    """

    def __init__(
        self, gather: nn.Module, channels: int, dropout: float, residual: bool = True, normalise: bool = True
    ) -> None:
        super().__init__()
        self.gather = gather
        self.update = mlp([channels, channels, channels], dropout)
        self.norm = nn.LayerNorm(channels) if normalise else nn.Identity()
        self.residual = residual

    def forward(self, x: Tensor, *edges: Tensor) -> Tensor:
        """(C, channels), and what ``gather`` needs of the edges, to (C, channels) float32."""
        update = self.update(self.gather(self.norm(x), *edges)).float()
        return x + update if self.residual else update


class Stack(nn.Module):
    """Gives clusters their first vectors, then applies layers of one size one after the other.

    Args:
        in_channels: Size of the incoming cluster vectors, 0 or more.
        channels: Size of the vectors.
        layers: Number of layers.
        make_layer: Makes one layer: vectors (C, channels) and edges to vectors (C, channels).

    Raises:
        ConfigError: A size is below 1.
    """

    def __init__(self, in_channels: int, channels: int, layers: int, make_layer: Callable[[], nn.Module]) -> None:
        super().__init__()
        check_sizes("model.cluster_encoder: channels and layers", [channels, layers])
        self.lift, self.start = make_lift(in_channels, channels)
        self.layers = nn.ModuleList(make_layer() for _ in range(layers))
        self.out_channels = channels

    def run(self, x: Tensor, *edges: Tensor) -> Tensor:
        """(C, in_channels), and what the layers need of the edges, to (C, channels) float32."""
        x = lifted(x, self.lift, self.start)
        for layer in self.layers:
            x = layer(x, *edges)
        return x


class DistanceStack(Stack):
    """A stack whose layers see the geometry as expanded distances alone.

    Args:
        in_channels: Size of the incoming cluster vectors, 0 or more.
        channels: Size of the vectors.
        layers: Number of layers.
        make_layer: Makes one layer: vectors (C, channels), expanded distances (E, G) and edges (2, E) to vectors.
        expand: Distances (E,) to (E, G).

    Raises:
        ConfigError: A size is below 1.
    """

    def __init__(
        self, in_channels: int, channels: int, layers: int, make_layer: Callable[[], nn.Module], expand: nn.Module
    ) -> None:
        super().__init__(in_channels, channels, layers, make_layer)
        self.expand = expand

    def forward(self, x: Tensor, positions: Tensor, edge_index: Tensor) -> Tensor:
        """Cluster vectors to cluster vectors.

        Args:
            x: (C, in_channels).
            positions: (C, D) float32, in units of order one.
            edge_index: (2, E) int64.

        Returns:
            (C, channels) float32.
        """
        return self.run(x, self.expand(distances(positions, edge_index)), edge_index)
