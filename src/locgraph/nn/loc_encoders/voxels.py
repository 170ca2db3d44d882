"""A localisation encoder on images: the localisations of each cluster on a small grid, and convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.nn.base import LocEncoder
from locgraph.nn.grids import Grid, convolution
from locgraph.nn.layers import check_sizes, mlp
from locgraph.nn.localisations import check_stored, from_centre, owners
from locgraph.nn.precision import no_autocast
from locgraph.nn.sizes import DataSizes


class Voxels(LocEncoder):
    """Renders the localisations of each cluster on a grid about its centre, and reads the image by convolutions.

    What images do to localisations: what is closer than a cell is one, and their number is not seen. Features of
    localisations are not read. Not invariant to rotation: train it with the rotation augmentation.

    Args:
        sizes: Numbers from the data.
        channels: Channels after each convolution, which halves the image; the last is the size of the vectors.
        cells: Cells along each axis, a multiple of 4.
        reach: Distance from the centre to the faces of the grid; 1 is about the radius of a unit.

    Raises:
        ConfigError: The store holds no localisations, or a number is out of range.
    """

    uses_localisations = True

    def __init__(
        self, sizes: DataSizes, channels: Sequence[int] = (16, 32, 64), cells: int = 32, reach: float = 2.0
    ) -> None:
        check_sizes("channels", channels)
        check_stored(sizes)
        super().__init__(channels[-1])
        self.grid = Grid(sizes.dimensions, cells, reach)
        self.layers = nn.Sequential(
            *(convolution(sizes.dimensions, size_in, size, stride=2) for size_in, size in pairwise([1, *channels]))
        )
        for _ in channels:
            cells = (cells + 1) // 2
        self.together = mlp([channels[-1] * cells**sizes.dimensions, channels[-1]], last_plain=False)

    def forward(self, graph: HeteroData) -> tuple[Tensor, list[Tensor]]:
        """Encode localisations; see `LocEncoder.forward`."""
        positions, n_clusters = from_centre(graph), graph[schema.CLUSTER].num_nodes
        with no_autocast(positions.device):
            image = self.grid.render(positions.float(), owners(graph), n_clusters)
        # brightness of order one, and less unequal
        image = (image * self.grid.size).sqrt()
        shape = (1, *[self.grid.cells] * self.grid.dimensions)
        return self.together(self.layers(image.unflatten(1, shape)).flatten(1)).float(), []
