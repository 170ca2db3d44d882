"""Angles at a cluster, as smooth numbers: each incoming edge against the mean direction of all of them."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from locgraph.nn.precision import pool
from locgraph.nn.rows import gather

_SOFTNESS: Final = 0.1
"""Mean directions much shorter than this point nowhere in particular: their angles fade out instead of jumping."""

_TINY: Final = 1e-12  # keeps the gradient of coincident points finite


def cosines(positions: Tensor, edge_index: Tensor, count: int) -> Tensor:
    """Harmonics of the angle at the target of each edge, between the edge and the mean direction of all its edges.

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
    """As ``cosines``, but ``a^n sin(n t)``, with the sign that tells left from right.

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
    """De Moivre's recursion: z^(n+1) = 2 Re(z) z^n - |z|^2 z^(n-1), for real and imaginary part alike."""
    twice, square = 2.0 * _dot(direction, mean), _dot(mean, mean)
    found = [first]
    for _ in range(count - 1):
        before, first = first, twice * first - square * before
        found.append(first)
    return torch.stack(found, dim=1)


def _directions(positions: Tensor, edge_index: Tensor) -> Tensor:
    """Unit vectors from target to source (E, D); 0 between points that coincide."""
    offsets = (gather(positions, edge_index[0]) - gather(positions, edge_index[1])).float()
    return offsets / (_dot(offsets, offsets) + _TINY).sqrt()[:, None]


def _near_mean(positions: Tensor, edge_index: Tensor, direction: Tensor) -> Tensor:
    """Mean direction (C, D) in which a neighbour counts by the inverse square of its distance, softened."""
    offsets = (gather(positions, edge_index[0]) - gather(positions, edge_index[1])).float()
    squares = _dot(offsets, offsets)[:, None]
    # the smallest square of a cluster cancels its scale, and keeps the weights at 1 or below
    smallest = -gather(pool(-squares, edge_index[1], len(positions), "max"), edge_index[1])
    weights = (smallest + _TINY) / (squares + _TINY)
    total = pool(weights, edge_index[1], len(positions), "sum").clamp(min=1.0)
    return _softened(pool(weights * direction, edge_index[1], len(positions), "sum") / total)


def _softened(vectors: Tensor) -> Tensor:
    """Vectors of length near 1, but for the shortest, which fade to 0."""
    return vectors / (_dot(vectors, vectors) + _SOFTNESS**2).sqrt()[:, None]


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(dim=1)
