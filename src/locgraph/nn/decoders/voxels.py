"""A decoder of images: how the localisations of each unit are distributed over a small grid."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn

from locgraph.nn.clouds import Clouds
from locgraph.nn.decoders.base import Decoder
from locgraph.nn.grids import Grid, convolution
from locgraph.nn.layers import check_sizes, mlp
from locgraph.settings import check_choice, check_whole

DIVERGENCE: Final = "divergence"
SQUARED: Final = "squared"


class VoxelDecoder(Decoder):
    """Decodes an image by convolutions, each after the image was doubled; its cells share the localisations of a unit.

    Args:
        in_channels: Size of a latent.
        dimensions: 2 or 3.
        channels: Channels before each of two doublings.
        cells: Cells along each axis, a multiple of 4.
        reach: Distance from the centre to the faces of the grid; 1 is about the radius of a unit.
        loss: ``divergence`` (Kullback-Leibler, of the rendered localisations from the decoded distribution) or
            ``squared`` (mean square of the differences of both images, of which the mean over a whole image is 1).
        points: Number of points that stand for an image where points are wanted.

    Raises:
        ConfigError: A number is out of range, or an unknown loss.
    """

    def __init__(
        self,
        in_channels: int,
        dimensions: int,
        channels: Sequence[int] = (32, 16),
        cells: int = 32,
        reach: float = 2.0,
        loss: str = DIVERGENCE,
        points: int = 128,
    ) -> None:
        super().__init__(dimensions)
        check_sizes("channels", channels)
        self.grid = Grid(dimensions, cells, reach)
        self.loss = check_choice("loss", loss, (DIVERGENCE, SQUARED))
        self.n_points = check_whole("points", points, at_least=2)
        first, last = channels[0], channels[-1]
        self.start = (first, *[cells // 4] * dimensions)
        self.lift = mlp([in_channels, 64, first * (cells // 4) ** dimensions])
        self.layers = nn.Sequential(
            *(
                nn.Sequential(nn.Upsample(scale_factor=2), convolution(dimensions, size_in, size))
                for size_in, size in pairwise([first, last, last])
            ),
            (nn.Conv2d if dimensions == 2 else nn.Conv3d)(last, 1, 1),
        )

    def forward(self, latents: Tensor) -> Tensor:
        """(U, L) to logarithms of the parts of the localisations in each cell, (U, cells^D) float32."""
        image = self.layers(self.lift(latents).unflatten(1, self.start))
        return image.flatten(1).float().log_softmax(dim=1)

    def errors(self, output: Tensor, clouds: Clouds) -> Tensor:
        """Return the loss of each image, (U,) float32; see `Decoder.errors`."""
        image = self.grid.render(clouds.points, clouds.owner, clouds.size)
        if self.loss == DIVERGENCE:
            return (torch.xlogy(image, image) - image * output).sum(dim=1)
        there = (clouds.sizes > 0).float()
        return (self.grid.size * (image - output.exp())).square().mean(dim=1) * there

    def points(self, output: Tensor) -> Tensor:
        """Return centres of cells, each as often as its part of the localisations: (U, points, D) float32."""
        levels = (torch.arange(self.n_points, device=output.device) + 0.5) / self.n_points
        summed = output.exp().cumsum(dim=1)
        cells = torch.searchsorted(summed / summed[:, -1:], levels.expand(len(output), -1).contiguous())
        return self.grid.centres(cells.clamp(max=self.grid.size - 1))
