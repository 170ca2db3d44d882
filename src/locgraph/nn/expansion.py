"""Expansions: a distance becomes many smooth numbers, so that a dense layer can tell distances apart."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from locgraph.errors import ConfigError


class GaussianExpansion(nn.Module):
    """Spreads a distance over Gaussians at even steps from 0 to ``longest``; each is as wide as a step.

    Args:
        count: Number of Gaussians, at least 2.
        longest: Centre of the last one, in units of position.

    Raises:
        ConfigError: A number is out of range.

    Source: Schütt et al. 2017, "SchNet", arXiv 1706.08566.
    """

    centres: Tensor

    def __init__(self, count: int, longest: float) -> None:
        super().__init__()
        if count < 2 or not longest > 0:
            raise ConfigError(
                "model.cluster_encoder expects n_gaussians of at least 2 and longest above 0, found "
                f"n_gaussians={count}, longest={longest}"
            )
        self.register_buffer("centres", torch.linspace(0.0, longest, count))
        self.width = longest / (count - 1)

    def forward(self, distance: Tensor) -> Tensor:
        """(E,) to (E, count) float32."""
        return torch.exp(-0.5 * ((distance[:, None] - self.centres) / self.width).square())


class LogGaussianExpansion(nn.Module):
    """Spreads the logarithm of a distance over Gaussians at even steps: as fine within clusters as between them.

    Args:
        count: Number of Gaussians, at least 2.
        shortest: Centre of the first one, in units of position; shorter distances count as this one.
        longest: Centre of the last one, in units of position.

    Raises:
        ConfigError: A number is out of range.
    """

    centres: Tensor

    def __init__(self, count: int, shortest: float, longest: float) -> None:
        super().__init__()
        if count < 2 or not 0 < shortest < longest:
            raise ConfigError(
                "model.cluster_encoder expects n_gaussians of at least 2 and 0 < shortest < longest, found "
                f"n_gaussians={count}, shortest={shortest}, longest={longest}"
            )
        self.shortest = shortest
        low, high = math.log(shortest), math.log(longest)
        self.register_buffer("centres", torch.linspace(low, high, count))
        self.width = (high - low) / (count - 1)

    def forward(self, distance: Tensor) -> Tensor:
        """(E,) to (E, count) float32."""
        logarithm = distance.clamp(min=self.shortest).log()
        return torch.exp(-0.5 * ((logarithm[:, None] - self.centres) / self.width).square())


def expanded_layer(count: int, channels: int, bias: bool = False) -> nn.Linear:
    """A dense layer on an expanded distance, whose results start with variance 1.

    Few Gaussians are far from 0 at once: whatever their number, the sum of their squares is about the root of pi. Usual
    weights, made for as many values of order one, would start so small that distances hardly show beside features.

    Args:
        count: Number of Gaussians.
        channels: Size of the result.
        bias: Whether there is one.

    Returns:
        The layer.
    """
    layer = nn.Linear(count, channels, bias=bias)
    nn.init.normal_(layer.weight, std=math.pi**-0.25)
    return layer
