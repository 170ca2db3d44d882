"""Continuous filters: each message passes through a filter that the geometry of its edge chooses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

import torch
from torch import Tensor, nn

from locgraph.nn.cluster_encoders.stacks import DistanceStack
from locgraph.nn.geometry import GaussianExpansion, cosines, sines
from locgraph.nn.layers import lifted, mlp
from locgraph.nn.messages import Aggregate
from locgraph.nn.rows import gather
from locgraph.nn.sizes import DataSizes
from locgraph.settings import check_whole

MOST_VALUES: Final = 1 << 27
"""Values of the matrices of a graph, 512 MB; graphs of more are encoded as any batch of graphs."""


class ContinuousFilterLayer(nn.Module):
    """Mean over the neighbours' vectors, each multiplied by a filter of the edge, and a residual update.

    Args:
        channels: Size of the vectors.
        edge_channels: Number of values that describe the geometry of an edge.
        dropout: Probability that a value of the update is dropped in training.

    Source: Schütt et al. 2017, "SchNet", arXiv 1706.08566.
    """

    def __init__(self, channels: int, edge_channels: int, dropout: float) -> None:
        super().__init__()
        self.filter = nn.Sequential(nn.Linear(edge_channels, channels), nn.SiLU(), nn.Linear(channels, channels))
        self.value = nn.Linear(channels, channels, bias=False)
        self.update = mlp([channels, channels, channels], dropout)
        self.norm = nn.LayerNorm(channels)
        self.aggregate = Aggregate("mean")

    def forward(self, x: Tensor, edge_index: Tensor, edge_values: Tensor) -> Tensor:
        """(C, channels), (2, E) and (E, edge_channels) to (C, channels) float32."""
        messages = gather(self.value(self.norm(x)), edge_index[0]) * self.filter(edge_values)
        return x + self.update(self.aggregate(messages, edge_index, x.shape[0])).float()


class FilteredSubsets:
    """Continuous filters of the edges of one graph, as matrices by which the vectors of any subset are multiplied.

    Args:
        first: First vectors of all clusters (C, F).
        layers: The layers, each with ``norm``, ``value``, ``filter`` and ``update``.
        edge_index: (2, E) int64: source, target.
        edge_values: (E, G), of which the filters are made.
    """

    def __init__(
        self, first: Tensor, layers: Sequence[ContinuousFilterLayer], edge_index: Tensor, edge_values: Tensor
    ) -> None:
        self.first, self.layers = first, layers
        count = len(first)
        source, target = edge_index
        place = source * count + target
        self.joined = first.new_zeros(count * count).index_add_(0, place, torch.ones_like(place, dtype=first.dtype))
        self.joined = self.joined.view(count, count)
        self.filters = []
        for layer in layers:
            values = layer.filter(edge_values).float()
            matrix = first.new_zeros((count * count, values.shape[1])).index_add_(0, place, values)
            self.filters.append(matrix.view(count, count, -1).permute(2, 0, 1).contiguous())

    def __call__(self, masks: Tensor) -> Tensor:
        """Encode subsets.

        Args:
            masks: The clusters of each of M subsets, (M, C) bool.

        Returns:
            Vectors of the clusters of the first subset, then of the second, ..., (masks.sum(), F) float32.
        """
        copies, rows = masks.nonzero(as_tuple=True)
        neighbours = (masks.to(self.joined.dtype) @ self.joined)[copies, rows, None].clamp(min=1)
        x = self.first[rows]
        for layer, filters in zip(self.layers, self.filters, strict=True):
            values = x.new_zeros((*masks.shape, x.shape[1]))
            values[copies, rows] = layer.value(layer.norm(x))
            gathered = torch.bmm(values.permute(2, 0, 1), filters).permute(1, 2, 0)[copies, rows]
            x = x + layer.update(gathered / neighbours).float()
        return x


class ContinuousFilter(DistanceStack):
    """A residual stack of continuous-filter layers, invariant to rotation, reflection and shift by construction.

    As it reads distances alone it cannot tell a shape from its mirror image.

    Args:
        in_channels: Size of the incoming cluster vectors.
        sizes: Numbers from the data.
        channels: Size of the vectors.
        layers: Number of layers.
        n_gaussians: Gaussians that a distance is expanded in, at least 2.
        longest: Distance of the last Gaussian, in units of position (the root mean square radius of a FOV is 1 where
            positions are scaled for each FOV).
        dropout: Probability that a hidden value is dropped in training.

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
    ) -> None:
        def make_layer() -> ContinuousFilterLayer:
            return ContinuousFilterLayer(channels, n_gaussians, dropout)

        super().__init__(in_channels, channels, layers, make_layer, GaussianExpansion(n_gaussians, longest))

    def on_subsets(self, x: Tensor, positions: Tensor, edge_index: Tensor) -> FilteredSubsets | None:
        """Compute the filters of all edges once: they do not change where other clusters are removed."""
        if len(x) ** 2 * self.out_channels * len(self.layers) > MOST_VALUES:
            return None
        values = self.geometry.values(self.edge_values(positions, edge_index))
        layers = cast("list[ContinuousFilterLayer]", list(self.layers))
        return FilteredSubsets(lifted(x, self.lift, self.start), layers, edge_index, values)


class AngularFilter(DistanceStack):
    """Continuous filters on the length of an edge and the angle that it makes with the other edges of its target.

    The angle is taken at the target, between the edge and the mean direction of all its edges, so that the work grows
    with the edges, not with their pairs. Invariant to rotation, reflection and shift by construction; it cannot tell a
    shape from its mirror image.

    Args:
        in_channels: Size of the incoming cluster vectors.
        sizes: Numbers from the data.
        channels: Size of the vectors.
        layers: Number of layers.
        n_gaussians: Gaussians that a distance is expanded in, at least 2.
        longest: Distance of the last Gaussian, in units of position.
        harmonics: Harmonics that an angle is expanded in.
        dropout: Probability that a hidden value is dropped in training.

    Raises:
        ConfigError: A number is out of range.

    Source of the filters: Schütt et al. 2017, "SchNet", arXiv 1706.08566.
    """

    angles_per_harmonic = 1

    def __init__(
        self,
        in_channels: int,
        sizes: DataSizes,
        channels: int = 64,
        layers: int = 3,
        n_gaussians: int = 32,
        longest: float = 4.0,
        harmonics: int = 6,
        dropout: float = 0.0,
    ) -> None:
        check_whole("harmonics", harmonics, at_least=1)
        edge_channels = n_gaussians + self.angles_per_harmonic * harmonics

        def make_layer() -> ContinuousFilterLayer:
            return ContinuousFilterLayer(channels, edge_channels, dropout)

        super().__init__(in_channels, channels, layers, make_layer, GaussianExpansion(n_gaussians, longest))
        self.harmonics = harmonics

    def angles(self, positions: Tensor, edge_index: Tensor) -> Tensor:
        """Return the expanded angle of each edge, (E, angles_per_harmonic * harmonics) float32."""
        return cosines(positions, edge_index, self.harmonics)

    def edge_values(self, positions: Tensor, edge_index: Tensor) -> Tensor:
        """Return the expanded length and angle of each edge, side by side."""
        lengths = super().edge_values(positions, edge_index)
        return torch.cat([lengths, self.angles(positions, edge_index)], dim=1)


class ChiralFilter(AngularFilter):
    """As `AngularFilter`, with signed angles: it tells a shape from its mirror image.

    Invariant to rotation and shift by construction, and not to reflection: digits and letters are chiral. In 3D left
    and right are the two sides of the plane that a cluster spans with its neighbours. Train it without the reflection
    augmentation where the mirror image is another class.

    The arguments are those of `AngularFilter`.
    """

    angles_per_harmonic = 2

    def angles(self, positions: Tensor, edge_index: Tensor) -> Tensor:
        """Return the expanded angle of each edge, cosines and sines: (E, 2 harmonics) float32."""
        return torch.cat(
            [cosines(positions, edge_index, self.harmonics), sines(positions, edge_index, self.harmonics)], 1
        )
