"""Stacks: a first dense layer to one size, then layers that follow each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from torch import Tensor, nn

from locgraph.nn.base import ClusterEncoder
from locgraph.nn.geometry import EdgeGeometry, GaussianExpansion
from locgraph.nn.layers import Block, lifted, make_lift
from locgraph.nn.precision import distances
from locgraph.nn.sizes import DataSizes
from locgraph.settings import check_whole


class Stack(ClusterEncoder):
    """Gives clusters their first vectors, then applies layers of one size one after the other.

    Args:
        in_channels: Size of the incoming cluster vectors, 0 or more.
        channels: Size of the vectors.
        layers: Number of layers.
        make_layer: Makes one layer: vectors (C, channels) and what it needs of the edges to vectors (C, channels).

    Raises:
        ConfigError: A size is below 1.
    """

    def __init__(self, in_channels: int, channels: int, layers: int, make_layer: Callable[[], nn.Module]) -> None:
        super().__init__(check_whole("channels", channels, at_least=1))
        check_whole("layers", layers, at_least=1)
        self.lift, self.start = make_lift(in_channels, channels)
        self.layers = nn.ModuleList(make_layer() for _ in range(layers))

    def run(self, x: Tensor, *edges: Tensor) -> Tensor:
        """(C, in_channels), and what the layers need of the edges, to (C, channels) float32."""
        x = lifted(x, self.lift, self.start)
        for layer in self.layers:
            x = layer(x, *edges)
        return x


class BlockStack(Stack):
    """Base class of stacks of blocks that differ in their gather alone.

    Args:
        in_channels: Size of the incoming cluster vectors.
        sizes: Numbers from the data.
        channels: Size of the vectors.
        layers: Number of layers.
        dropout: Probability that a hidden value is dropped in training.
        residual: Whether a layer adds to the vectors, or replaces them.
        normalise: Whether there is layer normalisation before each layer.

    Raises:
        ConfigError: A number is out of range.
    """

    reads_positions: ClassVar[bool] = True
    """Whether positions are joined to the incoming vectors."""

    def __init__(
        self,
        in_channels: int,
        sizes: DataSizes,
        channels: int = 64,
        layers: int = 3,
        dropout: float = 0.0,
        residual: bool = True,
        normalise: bool = True,
    ) -> None:
        def make_layer() -> Block:
            return Block(self.make_gather(channels, sizes.dimensions), channels, dropout, residual, normalise)

        joined = in_channels + (sizes.dimensions if self.reads_positions else 0)
        super().__init__(joined, channels, layers, make_layer)

    def make_gather(self, channels: int, dimensions: int) -> nn.Module:
        """Return the gather of one layer: vectors (C, channels) and edges to gathered vectors (C, channels)."""
        raise NotImplementedError


class DistanceStack(Stack):
    """A stack whose layers read the geometry as expanded distances alone.

    Args:
        in_channels: Size of the incoming cluster vectors, 0 or more.
        channels: Size of the vectors.
        layers: Number of layers.
        make_layer: Makes one layer: vectors (C, channels), ``edge_index`` (2, E) and values of edges (E, G) to vectors.
        expand: Distances (E,) to (E, G).

    Raises:
        ConfigError: A size is below 1.
    """

    def __init__(
        self, in_channels: int, channels: int, layers: int, make_layer: Callable[[], nn.Module], expand: nn.Module
    ) -> None:
        super().__init__(in_channels, channels, layers, make_layer)
        self.expand = expand
        self.geometry = EdgeGeometry()

    @property
    def edge_geometry(self) -> EdgeGeometry:
        """What the lengths of the edges pass."""
        return self.geometry

    def edge_values(self, positions: Tensor, edge_index: Tensor) -> Tensor:
        """Return the geometry of each edge, (E, G) float32."""
        expanded: Tensor = self.expand(self.geometry.lengths(distances(positions, edge_index)))
        return expanded

    def encode(self, x: Tensor, positions: Tensor, edge_index: Tensor) -> Tensor:
        """Encode clusters; see `ClusterEncoder.encode`."""
        return self.run(x, edge_index, self.geometry.values(self.edge_values(positions, edge_index)))


class DistanceEncoder(DistanceStack):
    """Base class of encoders that read the geometry as expanded distances alone.

    Subclasses are invariant to rotation, reflection and shift by construction, and cannot tell a shape from
    its mirror image. They differ in the gather of a layer.

    Args:
        in_channels: Size of the incoming cluster vectors.
        sizes: Numbers from the data.
        channels: Size of the vectors.
        layers: Number of layers.
        n_gaussians: Gaussians that a distance is expanded in, at least 2.
        longest: Distance of the last Gaussian, in units of position (the root mean square radius of a FOV is 1 where
            positions are scaled for each FOV).
        dropout: Probability that a hidden value is dropped in training.
        residual: Whether a layer adds to the vectors, or replaces them.
        normalise: Whether there is layer normalisation before each layer.

    Raises:
        ConfigError: A number is out of range.
    """

    def __init__(
        self,
        in_channels: int,
        sizes: DataSizes,
        channels: int = 64,
        layers: int = 3,
        n_gaussians: int = 32,
        longest: float = 4.0,
        dropout: float = 0.0,
        residual: bool = True,
        normalise: bool = True,
    ) -> None:
        def make_layer() -> nn.Module:
            return self.make_layer(channels, n_gaussians, dropout, residual, normalise)

        super().__init__(in_channels, channels, layers, make_layer, GaussianExpansion(n_gaussians, longest))

    def make_layer(
        self, channels: int, edge_channels: int, dropout: float, residual: bool, normalise: bool
    ) -> nn.Module:
        """Return one layer: vectors (C, channels), ``edge_index`` and values (E, edge_channels) to vectors."""
        return Block(self.make_gather(channels, edge_channels), channels, dropout, residual, normalise)

    def make_gather(self, channels: int, edge_channels: int) -> nn.Module:
        """Return the gather of one layer, called as a convolution of PyG with values of edges."""
        raise NotImplementedError
