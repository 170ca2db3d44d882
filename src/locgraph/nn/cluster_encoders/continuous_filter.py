"""Invariant continuous-filter cluster encoder: sees distances between clusters and nothing else of the geometry."""

from __future__ import annotations

from torch import Tensor, nn

from locgraph.nn.expansion import GaussianExpansion
from locgraph.nn.mlp import mlp
from locgraph.nn.precision import pool
from locgraph.nn.rows import gather
from locgraph.nn.seams import Messages
from locgraph.nn.sizes import DataSizes
from locgraph.nn.stack import DistanceStack


class ContinuousFilterLayer(nn.Module):
    """Each cluster gathers its neighbours' vectors through filters that the geometry chooses, then updates its own.

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
        self.messages = Messages()

    def forward(self, x: Tensor, edge_values: Tensor, edge_index: Tensor) -> Tensor:
        """(C, channels), (E, edge_channels) and (2, E) to (C, channels) float32."""
        source, target = edge_index
        messages = self.messages(gather(self.value(self.norm(x)), source) * self.filter(edge_values), edge_index)
        return x + self.update(pool(messages, target, len(x), "mean")).float()


class ContinuousFilter(DistanceStack):
    """A residual stack of continuous-filter layers, invariant to rotation, reflection and shift by construction.

    Since it sees distances alone it cannot tell a shape from its mirror image.

    Args:
        in_channels: Size of the incoming cluster vectors.
        sizes: Numbers from the data.
        channels: Size of the vectors.
        layers: Number of layers.
        n_gaussians: Gaussians that a distance is expanded in, at least 2.
        longest: Distance of the last Gaussian, in units of position (the root mean square radius of a FOV is 1 under
            ``scaling.positions=per_fov``).
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
