"""The contract of heads that represent: a vector of each unit, learned without labels."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.nn.base import Encoded, Head
from locgraph.nn.sizes import HeadSizes
from locgraph.settings import check_choice, check_whole


class RepresentationHead(Head):
    """Base class of heads that represent. Labels are not read.

    Args:
        unit: ``fov`` or ``cluster``.
        latent_channels: Size of the vectors, L.

    Attributes:
        unit: The same.
        latent_channels: The same.
        drawn_views: Graphs of each FOV in a training batch, which follow each other.

    Raises:
        ConfigError: A setting is out of range.
    """

    predicts: ClassVar[tuple[str, ...]] = (schema.REPRESENTATION,)
    contract = (
        "Class(in_channels=..., sizes=...) with latents(encoded: Encoded) -> (U, L), loss(encoded) -> (), and "
        "errors(encoded) -> (U,)"
    )

    def __init__(self, unit: str, latent_channels: int) -> None:
        super().__init__()
        check_choice("unit", unit, schema.UNITS)
        check_whole("latent_channels", latent_channels, at_least=1)
        self.unit, self.latent_channels = unit, latent_channels

    @property
    def pairs_clusters(self) -> bool:  # type: ignore[override]
        """Whether the graphs drawn of a FOV hold the same clusters in the same order."""
        return self.drawn_views > 1 and self.unit == schema.CLUSTER

    @property
    def decodes(self) -> bool:
        """Whether vectors can be turned into localisations, so that errors are those of a unit alone.

        Other errors compare a unit with the rest of its batch.
        """
        return False

    def forward(self, encoded: Encoded) -> dict[str, Tensor]:
        """Return the vectors of the units of an encoded batch."""
        return {schema.REPRESENTATION: self.latents(encoded)}

    def unit_channels(self, in_channels: int, sizes: HeadSizes) -> int:
        """Return the size F of what the network computes of each unit, from the arguments of a head."""
        return sizes.cluster_channels if self.unit == schema.CLUSTER else in_channels

    def encoded_units(self, encoded: Encoded) -> Tensor:
        """Return what the network computed of each unit, (U, F)."""
        return encoded.clusters if self.unit == schema.CLUSTER else encoded.fovs

    def latents(self, encoded: Encoded) -> Tensor:
        """Return the vector of each unit, (U, L) float32, without randomness."""
        raise NotImplementedError

    def loss(self, encoded: Encoded) -> Tensor:
        """Return the loss of a training batch, () float32."""
        raise NotImplementedError

    def errors(self, encoded: Encoded) -> Tensor:
        """Return the loss of each unit without randomness, (U,) float32."""
        raise NotImplementedError

    def decode(self, latents: Tensor) -> Tensor:
        """Turn vectors (U, L) into localisations (U, P, D) float32, relative to the centre of the unit.

        They are in units of the batch; in a frame of their own where the vectors do not depend on rotation.

        Raises:
            ConfigError: The head does not decode.
        """
        raise ConfigError(
            f"{type(self).__name__} has no decoder: its vectors cannot be turned into localisations; train an "
            "autoencoder, model/head=autoencoder"
        )
