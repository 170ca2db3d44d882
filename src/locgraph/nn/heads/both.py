"""Head that names the class of the FOV and that of each localisation."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from locgraph import schema
from locgraph.nn.encoded import Encoded
from locgraph.nn.sizes import HeadSizes


class Both(nn.Module):
    """Two heads on the same network: what helps one task may help the other.

    Args:
        in_channels: Size of the graph vectors.
        sizes: Numbers from the data and from the parts below.
        fov: Head of FOVs, unfinished: ``(in_channels, sizes) ->`` module from (B, F) to logits (B, K).
        localisation: Head of localisations, unfinished: ``(in_channels, sizes) ->`` module from ``Encoded``.

    Raises:
        ConfigError: One of them refuses its settings.
    """

    predicts = (schema.FIELD_OF_VIEW, schema.LOCALISATION)
    uses_localisations = True

    def __init__(
        self,
        in_channels: int,
        sizes: HeadSizes,
        fov: Callable[..., nn.Module],
        localisation: Callable[..., nn.Module],
    ) -> None:
        super().__init__()
        self.fov = fov(in_channels=in_channels, sizes=sizes)
        self.localisation = localisation(in_channels=in_channels, sizes=sizes)

    def forward(self, encoded: Encoded) -> dict[str, Tensor]:
        """What the network made of a batch to the logits of its FOVs (B, K) and of its localisations (N, K')."""
        return {schema.FIELD_OF_VIEW: self.fov(encoded.fovs), **self.localisation(encoded)}
