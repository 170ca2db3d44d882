"""The contract of decoders: latents to what can be compared with the localisations of each unit."""

from __future__ import annotations

from torch import Tensor

from locgraph.nn.base import Part
from locgraph.nn.clouds import Clouds


class Decoder(Part):
    """Base class of decoders.

    Shapes: U units, L channels of a latent, P points, D dimensions.

    Args:
        dimensions: D, 2 or 3.
    """

    contract = (
        "Class(in_channels=..., dimensions=...) with forward(latents (U, L)) -> output, "
        "errors(output, clouds) -> (U,), points(output) -> (U, P, D)"
    )

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.dimensions = dimensions

    def forward(self, latents: Tensor) -> Tensor:
        """Decode latents (U, L) to an output of the decoder's own kind, with U rows."""
        raise NotImplementedError

    def errors(self, output: Tensor, clouds: Clouds) -> Tensor:
        """Return how far each output is from the localisations of its unit, (U,) float32; 0 where it has none."""
        raise NotImplementedError

    def points(self, output: Tensor) -> Tensor:
        """Return an output as points (U, P, D) float32, relative to the centre of the unit."""
        raise NotImplementedError
