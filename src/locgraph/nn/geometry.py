"""Geometry of edges as smooth numbers: distances expanded in Gaussians, angles expanded in harmonics."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor, nn

from locgraph.errors import ConfigError
from locgraph.nn.precision import pool
from locgraph.nn.rows import gather
from locgraph.settings import check_number, check_whole

_SOFTNESS: Final = 0.1
"""Mean directions much shorter than this point nowhere in particular: their angles fade out instead of jumping."""

_TINY: Final = 1e-12  # keeps the gradient of coincident points finite


class GaussianExpansion(nn.Module):
    """Expansion of a distance in Gaussians at even steps from 0 to ``longest``, each as wide as a step.

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
        check_whole("n_gaussians", count, at_least=2)
        check_number("longest", longest, above=0)
        self.register_buffer("centres", torch.linspace(0.0, longest, count))
        self.width = longest / (count - 1)

    def forward(self, distance: Tensor) -> Tensor:
        """(E,) to (E, count) float32."""
        return torch.exp(-0.5 * ((distance[:, None] - self.centres) / self.width).square())


class LogGaussianExpansion(nn.Module):
    """Expansion of the logarithm of a distance in Gaussians at even steps: as fine within clusters as between them.

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
        check_whole("n_gaussians", count, at_least=2)
        check_number("longest", longest, above=0)
        if check_number("shortest", shortest, above=0) >= longest:
            raise ConfigError(f"expected less than longest={longest}, found {shortest}", setting="shortest")
        self.shortest = shortest
        low, high = math.log(shortest), math.log(longest)
        self.register_buffer("centres", torch.linspace(low, high, count))
        self.width = (high - low) / (count - 1)

    def forward(self, distance: Tensor) -> Tensor:
        """(E,) to (E, count) float32."""
        logarithm = distance.clamp(min=self.shortest).log()
        return torch.exp(-0.5 * ((logarithm[:, None] - self.centres) / self.width).square())


class EdgeGeometry(nn.Module):
    """The two places that the geometry of edges passes on its way into an encoder, for hooks to read and replace.

    Attributes:
        lengths: Passes the lengths of the edges (E,) float32.
        values: Passes the values that the layers read (E, G) float32: expanded lengths, and angles where there are any.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lengths = nn.Identity()
        self.values = nn.Identity()


def expanded_layer(count: int, channels: int, bias: bool = False) -> nn.Linear:
    """Return a dense layer on an expanded distance, whose results start with variance 1.

    Few Gaussians are far from 0 at once: whatever their number, the sum of their squares is about the root of pi. Usual
    weights, made for as many values of order one, would start so small that distances hardly show beside features.

    Args:
        count: Number of Gaussians.
        channels: Size of the result.
        bias: Whether there is one.
    """
    layer = nn.Linear(count, channels, bias=bias)
    reset_expanded(layer.weight)
    return layer


def reset_expanded(weight: Tensor) -> None:
    """Draw the weights (channels, count) of a layer on an expanded distance anew, as `expanded_layer` does."""
    nn.init.normal_(weight, std=math.pi**-0.25)


def cosines(positions: Tensor, edge_index: Tensor, count: int) -> Tensor:
    """Return harmonics of the angle at the target of each edge, from the mean direction of all its edges to the edge.

    With the angle t and the certainty a of the mean direction (1 where neighbours lie on one side, 0 where they lie all
    around) these are ``a^n cos(n t)`` for n = 1, 2, ... They stay as they are when the points are shifted, rotated,
    reflected or scaled. There are as many angles as edges, not as pairs of edges, so that they cost little.

    Args:
        positions: (C, D) float32.
        edge_index: (2, E) int64: source, target.
        count: Number of harmonics.

    Returns:
        (E, count) float32.
    """
    direction = _directions(positions, edge_index)
    mean = gather(_softened(pool(direction, edge_index[1], len(positions), "mean")), edge_index[1])
    return _harmonics(torch.ones_like(direction[:, 0]), _dot(direction, mean), direction, mean, count)


def sines(positions: Tensor, edge_index: Tensor, count: int) -> Tensor:
    """Return harmonics as `cosines`, but ``a^n sin(n t)``, with the sign that tells left from right.

    They stay as they are when the points are shifted, rotated or scaled, and change sign when the points are reflected.
    In 3D the sine is taken against the normal of the plane of two mean directions, one of which counts near neighbours
    more; where the two agree there is no left and right, and the sines are 0.

    Args:
        positions: (C, D) float32.
        edge_index: (2, E) int64: source, target.
        count: Number of harmonics.

    Returns:
        (E, count) float32.
    """
    target = edge_index[1]
    direction = _directions(positions, edge_index)
    mean = _softened(pool(direction, target, len(positions), "mean"))
    if positions.shape[1] == 2:
        across = torch.stack([-mean[:, 1], mean[:, 0]], dim=1)
    else:
        across = _softened(torch.linalg.cross(mean, _near_mean(positions, edge_index, direction)))
    sine = _dot(direction, gather(across, target))
    mean = gather(mean, target)
    return _harmonics(torch.zeros_like(sine), sine, direction, mean, count)


def _harmonics(before: Tensor, first: Tensor, direction: Tensor, mean: Tensor, count: int) -> Tensor:
    """Apply De Moivre's recursion: z^(n+1) = 2 Re(z) z^n - |z|^2 z^(n-1), for real and imaginary part alike."""
    twice, square = 2.0 * _dot(direction, mean), _dot(mean, mean)
    harmonics = [first]
    for _ in range(count - 1):
        before, first = first, twice * first - square * before
        harmonics.append(first)
    return torch.stack(harmonics, dim=1)


def _directions(positions: Tensor, edge_index: Tensor) -> Tensor:
    """Return unit vectors from target to source (E, D); 0 between points that coincide."""
    offsets = (gather(positions, edge_index[0]) - gather(positions, edge_index[1])).float()
    return offsets / (_dot(offsets, offsets) + _TINY).sqrt()[:, None]


def _near_mean(positions: Tensor, edge_index: Tensor, direction: Tensor) -> Tensor:
    """Return the mean direction (C, D) in which a neighbour counts by the inverse square of its distance, softened."""
    offsets = (gather(positions, edge_index[0]) - gather(positions, edge_index[1])).float()
    squares = _dot(offsets, offsets)[:, None]
    # the smallest square of a cluster cancels its scale, and keeps the weights at 1 or below
    smallest = -gather(pool(-squares, edge_index[1], len(positions), "max"), edge_index[1])
    weights = (smallest + _TINY) / (squares + _TINY)
    total = pool(weights, edge_index[1], len(positions), "sum").clamp(min=1.0)
    return _softened(pool(weights * direction, edge_index[1], len(positions), "sum") / total)


def _softened(vectors: Tensor) -> Tensor:
    """Return vectors of length near 1, but for the shortest, which fade to 0."""
    return vectors / (_dot(vectors, vectors) + _SOFTNESS**2).sqrt()[:, None]


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(dim=1)
