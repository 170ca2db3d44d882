"""Invariant continuous-filter cluster encoder: sees distances between clusters and nothing else of the geometry."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from locgraph.errors import ConfigError
from locgraph.models.mlp import check_sizes, mlp
from locgraph.models.precision import distances, pool
from locgraph.models.sizes import DataSizes


class GaussianExpansion(nn.Module):
    """Spreads a distance over Gaussians at even steps from 0 to ``longest``; each is as wide as a step.

    Args:
        count: Number of Gaussians.
        longest: Centre of the last one, in units of position.
    """

    centres: Tensor

    def __init__(self, count: int, longest: float) -> None:
        super().__init__()
        self.register_buffer("centres", torch.linspace(0.0, longest, count))
        self.width = longest / (count - 1)

    def forward(self, distance: Tensor) -> Tensor:
        """(E,) to (E, count) float32."""
        return torch.exp(-0.5 * ((distance[:, None] - self.centres) / self.width).square())


class ContinuousFilterLayer(nn.Module):
    """Each cluster gathers its neighbours' vectors through filters that the distance chooses, then updates its own.

    Args:
        channels: Size of the vectors.
        n_gaussians: Size of the expanded distance.
        dropout: Probability that a value of the update is dropped in training.

    Source: Schütt et al. 2017, "SchNet", arXiv 1706.08566.
    """

    def __init__(self, channels: int, n_gaussians: int, dropout: float) -> None:
        super().__init__()
        self.filter = nn.Sequential(nn.Linear(n_gaussians, channels), nn.SiLU(), nn.Linear(channels, channels))
        self.value = nn.Linear(channels, channels, bias=False)
        self.update = mlp([channels, channels, channels], dropout)
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor, expanded: Tensor, edge_index: Tensor) -> Tensor:
        """(C, channels), (E, n_gaussians) and (2, E) to (C, channels) float32."""
        source, target = edge_index
        message = self.value(self.norm(x))[source] * self.filter(expanded)
        return x + self.update(pool(message, target, len(x), "mean")).float()


class ContinuousFilter(nn.Module):
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
        super().__init__()
        if n_gaussians < 2 or not longest > 0:
            raise ConfigError(
                "model.cluster_encoder expects n_gaussians of at least 2 and longest above 0, found "
                f"n_gaussians={n_gaussians}, longest={longest}"
            )
        check_sizes("model.cluster_encoder: channels and layers", [channels, layers])
        self.lift = mlp([in_channels, channels]) if in_channels else None
        # without features this vector is all that a cluster has: at zero the first layer would send nothing
        self.start = nn.Parameter(torch.zeros(channels) if in_channels else torch.randn(channels))
        self.expand = GaussianExpansion(n_gaussians, longest)
        self.layers = nn.ModuleList(ContinuousFilterLayer(channels, n_gaussians, dropout) for _ in range(layers))
        self.out_channels = channels

    def forward(self, x: Tensor, positions: Tensor, edge_index: Tensor) -> Tensor:
        """Cluster vectors to cluster vectors.

        Args:
            x: (C, in_channels).
            positions: (C, D) float32, in units of order one.
            edge_index: (2, E) int64.

        Returns:
            (C, channels) float32.
        """
        expanded = self.expand(distances(positions, edge_index))
        x = self.start.expand(len(positions), -1) if self.lift is None else self.lift(x).float() + self.start
        for layer in self.layers:
            x = layer(x, expanded, edge_index)
        return x
