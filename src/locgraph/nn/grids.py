"""Localisations of each unit rendered on a small grid, and layers of convolutions on it in 2D and 3D."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from locgraph.errors import ConfigError
from locgraph.nn.precision import pool
from locgraph.settings import check_number, check_whole


class Grid:
    """A square or cubic grid about the centre of a unit.

    Args:
        dimensions: 2 or 3.
        cells: Cells along each axis, a multiple of 4.
        reach: Distance from the centre to the faces of the grid, in units of the batch; what lies beyond counts in the
            cells at the face.

    Raises:
        ConfigError: A number is out of range.
    """

    def __init__(self, dimensions: int, cells: int, reach: float) -> None:
        self.dimensions, self.reach = dimensions, check_number("reach", reach, above=0)
        self.cells = check_whole("cells", cells, at_least=4)
        if cells % 4:
            raise ConfigError(f"expected a multiple of 4, found {cells}", setting="cells")
        self.size = cells**dimensions

    def render(self, positions: Tensor, owner: Tensor, units: int) -> Tensor:
        """Render localisations, each shared between the nearest cells by linear interpolation.

        Args:
            positions: (N, D) float32, relative to the centre of their unit.
            owner: Unit of each (N,) int64.
            units: Number of units.

        Returns:
            (units, cells^D) float32, the first axis varying slowest; each row sums to 1, or is 0 without localisations.
        """
        place = (positions / self.reach + 1.0) * (self.cells / 2) - 0.5
        place = place.clamp(0.0, self.cells - 1.0)
        low = place.floor().clamp(max=self.cells - 2.0)
        part, low = place - low, low.long()
        image = positions.new_zeros(units * self.size)
        for corner in itertools.product((0, 1), repeat=self.dimensions):
            weight, cell = torch.ones_like(part[:, 0]), owner
            for axis, step in enumerate(corner):
                weight = weight * (part[:, axis] if step else 1.0 - part[:, axis])
                cell = cell * self.cells + low[:, axis] + step
            image = image.index_add(0, cell, weight)
        counts = pool(torch.ones_like(positions[:, :1]), owner, units, "sum")
        return image.view(units, self.size) / counts.clamp(min=1.0)

    def centres(self, index: Tensor) -> Tensor:
        """Return the centres of cells, (...) int64 to (..., D) float32, relative to the centre of the unit."""
        axes = [index // self.cells ** (self.dimensions - 1 - axis) % self.cells for axis in range(self.dimensions)]
        return ((torch.stack(axes, dim=-1) + 0.5) * (2.0 / self.cells) - 1.0) * self.reach


def convolution(dimensions: int, in_channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    """Return a convolution over neighbouring cells in 2D or 3D, normalised within each image, with SiLU.

    Args:
        dimensions: 2 or 3.
        in_channels: Channels of the incoming image.
        out_channels: Channels of the outgoing image.
        stride: Step between the cells that are kept.
    """
    make = nn.Conv2d if dimensions == 2 else nn.Conv3d
    # one group: as layer normalisation, so that nothing depends on the rest of the batch
    return nn.Sequential(
        make(in_channels, out_channels, 3, stride=stride, padding=1), nn.GroupNorm(1, out_channels), nn.SiLU()
    )
