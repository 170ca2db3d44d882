"""Continuous filters on distances and unsigned angles between clusters."""

from __future__ import annotations

import torch
from torch import Tensor

from locgraph.nn.angles import cosines
from locgraph.nn.cluster_encoders.continuous_filter import ContinuousFilterLayer
from locgraph.nn.expansion import GaussianExpansion
from locgraph.nn.mlp import check_sizes
from locgraph.nn.precision import distances
from locgraph.nn.sizes import DataSizes
from locgraph.nn.stack import DistanceStack


class AngularFilter(DistanceStack):
    """Continuous filters that see, beside the length of an edge, the angle that it makes with the others.

    The angle is taken at the cluster that hears, between the edge and the mean direction of all its edges, so that the
    work grows with the edges, not with their pairs. Invariant to rotation, reflection and shift by construction; it
    cannot tell a shape from its mirror image.

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
        check_sizes("model.cluster_encoder.harmonics", [harmonics])
        edge_channels = n_gaussians + self.angles_per_harmonic * harmonics

        def make_layer() -> ContinuousFilterLayer:
            return ContinuousFilterLayer(channels, edge_channels, dropout)

        super().__init__(in_channels, channels, layers, make_layer, GaussianExpansion(n_gaussians, longest))
        self.harmonics = harmonics

    def angles(self, positions: Tensor, edge_index: Tensor) -> Tensor:
        """Expanded angle of each edge, (E, angles_per_harmonic * harmonics) float32."""
        return cosines(positions, edge_index, self.harmonics)

    def forward(self, x: Tensor, positions: Tensor, edge_index: Tensor) -> Tensor:
        """Cluster vectors to cluster vectors.

        Args:
            x: (C, in_channels).
            positions: (C, D) float32, in units of order one.
            edge_index: (2, E) int64.

        Returns:
            (C, channels) float32.
        """
        lengths = self.expand(distances(positions, edge_index))
        return self.run(x, torch.cat([lengths, self.angles(positions, edge_index)], dim=1), edge_index)
