"""The rotation, never a mirror image, that brings one point cloud closest to another: losses without a pose."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor, nn

from locgraph.nn.clouds import MOST_CELLS, Clouds
from locgraph.settings import check_whole

_REFINED: Final = 4
"""Rotations of each unit that are refined: the best one before is not always the best one after."""

_COMPARED: Final = 32
"""Points of a unit by which rotations are chosen that are refined."""


class Alignment(nn.Module):
    """Finds the rotation of points with the least Chamfer distance from the localisations of each unit.

    Evenly spaced rotations are tried, the best four are refined: in each step points that are nearest to each other are
    paired and brought together by the best rotation (iterative closest points), which is kept where it comes closer.
    There is no gradient through the search: at a minimum the gradient with respect to the rotation is 0.

    Args:
        rotations: Number of rotations that are tried: about the axis of the plane in 2D, about all axes in 3D.
        refine: Steps of refinement.
        most_cells: Distances that are held at once.

    Raises:
        ConfigError: A number is out of range.

    Source: Besl and McKay 1992, 10.1109/34.121791, for the refinement; Alexa 2022, "Super-Fibonacci spirals: fast,
    low-discrepancy sampling of SO(3)", CVPR, for even rotations in 3D.
    """

    def __init__(self, rotations: int = 12, refine: int = 2, most_cells: int = MOST_CELLS) -> None:
        super().__init__()
        self.rotations = check_whole("rotations", rotations, at_least=1)
        self.refine = check_whole("refine", refine, at_least=0)
        self.most_cells = check_whole("most_cells", most_cells, at_least=1)

    @torch.no_grad()
    def forward(self, points: Tensor, clouds: Clouds) -> Tensor:
        """Find the rotation of the points of each unit.

        Args:
            points: (U, P, D), relative to the centre of the unit.
            clouds: Localisations of the same units.

        Returns:
            Rotation matrices (U, D, D) float32, to be applied to the points; the identity where a unit has no
            localisation.
        """
        points = points.float()
        grid = even_rotations(self.rotations, points.shape[2]).to(points.device)
        best = torch.eye(points.shape[2], device=points.device).repeat(len(points), 1, 1)
        for units in clouds.chunks(self.rotations * points.shape[1], self.most_cells):
            rows, mask = clouds.rows(units)
            best[units] = self._search(points[units], clouds.points[rows], mask, grid)
        return best

    def _search(self, points: Tensor, cloud: Tensor, mask: Tensor, grid: Tensor) -> Tensor:
        """(u, P, D), (u, M, D), (u, M) and (R, D, D) to the best rotations (u, D, D)."""
        few, few_of_cloud = _thinned(points, torch.ones_like(points[..., 0])), _thinned(cloud, mask)
        turned = torch.einsum("rde,upe->urpd", grid, few)
        distances = torch.cdist(turned.flatten(1, 2), few_of_cloud).unflatten(1, turned.shape[1:3])
        tried = distances.amin(dim=3).mean(dim=2) + distances.amin(dim=2).mean(dim=2)
        if not self.refine:
            return grid[tried.argmin(dim=1)]
        starts = grid[tried.topk(min(_REFINED, self.rotations), dim=1, largest=False).indices]
        return self._refined(points, cloud, mask, starts)

    def _refined(self, points: Tensor, cloud: Tensor, mask: Tensor, starts: Tensor) -> Tensor:
        """Refine some rotations of each unit (u, S, D, D), and return the best (u, D, D)."""
        count = starts.shape[1]
        points, cloud, mask = (each.repeat_interleave(count, dim=0) for each in (points, cloud, mask))
        rotation = starts.flatten(0, 1)
        least, towards = _compared(points, cloud, mask, rotation)
        for _ in range(self.refine):
            distance, further = _compared(points, cloud, mask, towards)
            improved = distance < least
            rotation = torch.where(improved[:, None, None], towards, rotation)
            least, towards = torch.where(improved, distance, least), further
        best = least.unflatten(0, (-1, count)).argmin(dim=1)
        return rotation.unflatten(0, (-1, count))[torch.arange(len(best), device=best.device), best]


def _thinned(points: Tensor, mask: Tensor) -> Tensor:
    """Return a fixed number of real points, evenly through their order: (u, M, D) and (u, M) to (u, _COMPARED, D)."""
    place = torch.arange(_COMPARED, device=points.device) * mask.sum(dim=1, keepdim=True) // _COMPARED
    return torch.take_along_dim(points, place.long()[:, :, None], dim=1)


def _compared(points: Tensor, cloud: Tensor, mask: Tensor, rotation: Tensor) -> tuple[Tensor, Tensor]:
    """Return the Chamfer distance under a rotation (u,), and the best rotation for its nearest pairs (u, D, D)."""
    distances = torch.cdist(points @ rotation.transpose(1, 2), cloud)
    forth, nearest = distances.masked_fill(~mask[:, None], math.inf).min(dim=2)
    back, nearest_of_cloud = distances.min(dim=1)
    weights = mask / mask.sum(dim=1, keepdim=True)
    there = torch.take_along_dim(cloud, nearest[:, :, None], dim=1)
    here = torch.take_along_dim(points, nearest_of_cloud[:, :, None], dim=1)
    moments = torch.einsum("upd,upe->ude", there, points) / points.shape[1]
    moments = moments + torch.einsum("um,umd,ume->ude", weights, cloud, here)
    return forth.mean(dim=1) + (back * weights).sum(dim=1), best_rotation(moments)


def best_rotation(moments: Tensor) -> Tensor:
    """Return the rotation R, without reflection, that maximises the trace of ``R^T moments``.

    Args:
        moments: Sum over pairs of (target, source) products (u, D, D).

    Source: Kabsch 1976, 10.1107/S0567739476001873.
    """
    if moments.shape[-1] == 2:
        across = moments[:, 1, 0] - moments[:, 0, 1]
        along = moments[:, 0, 0] + moments[:, 1, 1]
        return _in_plane(torch.atan2(across, along))
    left, _, right = torch.linalg.svd(moments)
    signs = torch.ones_like(moments[:, 0])
    signs[:, -1] = torch.linalg.det(left @ right)
    return (left * signs[:, None]) @ right


def even_rotations(count: int, dimensions: int) -> Tensor:
    """Return evenly spaced rotations, (count, D, D) float32; the first is the identity in 2D."""
    if dimensions == 2:
        return _in_plane(2.0 * math.pi * torch.arange(count) / count)
    place = torch.arange(count, dtype=torch.float64) + 0.5
    low, high = (place / count).sqrt(), (1.0 - place / count).sqrt()
    first, second = 2.0 * math.pi * place / math.sqrt(2.0), 2.0 * math.pi * place / _PSI
    x, y, z, w = low * first.sin(), low * first.cos(), high * second.sin(), high * second.cos()
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, dim=1) for row in rows], dim=1).float()


_PSI: Final = 1.533751168755204288118041
"""The real root above 1 of ``x^4 = x + 4``."""


def _in_plane(angles: Tensor) -> Tensor:
    cos, sin = angles.cos(), angles.sin()
    return torch.stack([torch.stack([cos, -sin], dim=-1), torch.stack([sin, cos], dim=-1)], dim=-2)
