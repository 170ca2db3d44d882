"""Decoders of point clouds: all coordinates by dense layers, or a template that is folded."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor, nn

from locgraph.nn.alignment import Alignment
from locgraph.nn.cloud_losses import CloudLoss
from locgraph.nn.clouds import Clouds
from locgraph.nn.decoders.base import Decoder
from locgraph.nn.layers import mlp
from locgraph.settings import check_choice, check_whole


class PointDecoder(Decoder):
    """Base class of decoders whose output is the points themselves.

    Args:
        dimensions: 2 or 3.
        points: Number of points, P.
        loss: Distance of points from the localisations of a unit.
        alignment: Turns the points before they are compared, where the orientation of a unit is not in its latent; None
            compares them as they are.

    Raises:
        ConfigError: ``points`` is below 2.
    """

    def __init__(self, dimensions: int, points: int, loss: CloudLoss, alignment: Alignment | None = None) -> None:
        super().__init__(dimensions)
        self.n_points = check_whole("points", points, at_least=2)
        self.loss, self.alignment = loss, alignment or None

    def errors(self, output: Tensor, clouds: Clouds) -> Tensor:
        """Return the loss of each output (U, P, D), (U,) float32."""
        if self.alignment is not None:
            output = output @ self.alignment(output, clouds).transpose(1, 2)
        errors: Tensor = self.loss(output, clouds)
        return errors

    def points(self, output: Tensor) -> Tensor:
        """Return the output: it is points."""
        return output


class MlpDecoder(PointDecoder):
    """Dense layers to the coordinates of all points.

    Args:
        in_channels: Size of a latent.
        dimensions: 2 or 3.
        loss: See `PointDecoder`.
        alignment: See `PointDecoder`.
        points: Number of points.
        hidden: Size of the hidden layers.
        layers: Number of hidden layers; 0 is a linear map, with which points move evenly as the latent does.

    Raises:
        ConfigError: A number is out of range.

    Source: Achlioptas et al. 2018, "Learning representations and generative models for 3D point clouds",
    arXiv 1707.02392.
    """

    def __init__(
        self,
        in_channels: int,
        dimensions: int,
        loss: CloudLoss,
        alignment: Alignment | None = None,
        points: int = 64,
        hidden: int = 128,
        layers: int = 2,
    ) -> None:
        super().__init__(dimensions, points, loss, alignment)
        check_whole("hidden", hidden, at_least=1)
        check_whole("layers", layers, at_least=0)
        self.layers = mlp([in_channels, *[hidden] * layers, points * dimensions])

    def forward(self, latents: Tensor) -> Tensor:
        """(U, L) to points (U, P, D) float32."""
        points: Tensor = self.layers(latents).float().unflatten(1, (self.n_points, self.dimensions))
        return points


class FoldingDecoder(PointDecoder):
    """Folds the points of a fixed template twice, each time by dense layers that read a point and the latent.

    Args:
        in_channels: Size of a latent.
        dimensions: 2 or 3.
        loss: See `PointDecoder`.
        alignment: See `PointDecoder`.
        points: Number of points.
        template: ``circle`` (a line that closes), ``square`` (a sheet) or ``sphere`` (a closed surface; in 2D it is
            folded flat).
        hidden: Size of the hidden layers.

    Raises:
        ConfigError: A number is out of range, or the template is unknown.

    Source: Yang et al. 2018, "FoldingNet", arXiv 1712.07262, with templates as in Vasan et al. 2025,
    10.1038/s41592-025-02729-9.
    """

    template: Tensor

    def __init__(
        self,
        in_channels: int,
        dimensions: int,
        loss: CloudLoss,
        alignment: Alignment | None = None,
        points: int = 64,
        template: str = "square",
        hidden: int = 64,
    ) -> None:
        super().__init__(dimensions, points, loss, alignment)
        check_whole("hidden", hidden, at_least=1)
        start = _TEMPLATES[check_choice("template", template, tuple(_TEMPLATES))](points)
        self.register_buffer("template", start, persistent=False)
        self.folds = nn.ModuleList(
            _Fold(in_channels, size, hidden, dimensions) for size in (start.shape[1], dimensions)
        )

    def forward(self, latents: Tensor) -> Tensor:
        """(U, L) to points (U, P, D) float32."""
        points = self.template.expand(len(latents), -1, -1)
        for fold in self.folds:
            points = fold(latents, points)
        return points.float()


class _Fold(nn.Module):
    """Dense layers on each point beside the latent, whose part of the first layer is computed once for a unit."""

    def __init__(self, in_channels: int, template: int, hidden: int, dimensions: int) -> None:
        super().__init__()
        self.latent = nn.Linear(in_channels, hidden)
        self.point = nn.Linear(template, hidden, bias=False)
        self.layers = nn.Sequential(nn.LayerNorm(hidden), nn.SiLU(), mlp([hidden, hidden, dimensions]))

    def forward(self, latents: Tensor, points: Tensor) -> Tensor:
        """(U, L) and (U, P, T) to (U, P, D)."""
        folded: Tensor = self.layers(self.latent(latents)[:, None] + self.point(points))
        return folded


def _circle(count: int) -> Tensor:
    angles = 2.0 * math.pi * torch.arange(count) / count
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def _square(count: int) -> Tensor:
    """Even points of a square of side 2, whatever their number: a lattice of rank 1 (steps of the golden ratio)."""
    index = torch.arange(count, dtype=torch.float64) + 0.5
    return torch.stack([index / count, (index * _GOLDEN) % 1.0], dim=1).float() * 2.0 - 1.0


def _sphere(count: int) -> Tensor:
    """Even points of the unit sphere, whatever their number: the Fibonacci spiral."""
    index = torch.arange(count, dtype=torch.float64) + 0.5
    height, angle = 1.0 - 2.0 * index / count, 2.0 * math.pi * _GOLDEN * index
    radius = (1.0 - height.square()).sqrt()
    return torch.stack([radius * angle.cos(), radius * angle.sin(), height], dim=1).float()


_GOLDEN: Final = (math.sqrt(5.0) - 1.0) / 2.0
_TEMPLATES: Final[dict[str, Callable[[int], Tensor]]] = {"circle": _circle, "square": _square, "sphere": _sphere}
