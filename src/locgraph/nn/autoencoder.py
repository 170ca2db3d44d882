"""Heads that learn a vector from which the localisations of each unit can be decoded."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from locgraph.nn.base import Encoded, build_part
from locgraph.nn.clouds import Clouds
from locgraph.nn.decoders.base import Decoder
from locgraph.nn.layers import mlp
from locgraph.nn.localisations import check_stored
from locgraph.nn.precision import no_autocast
from locgraph.nn.representation import RepresentationHead
from locgraph.nn.sizes import HeadSizes
from locgraph.settings import check_number

_MOST_UNITS = 4096
_LARGEST_LOG_VARIANCE = 10.0  # beyond it the exponential of 16 bits overflows, and no decoder sees a difference


class Autoencoder(RepresentationHead):
    """A linear map to a latent, and a decoder whose output is compared with the localisations of the unit.

    With ``kl_weight`` above 0 it is variational: training decodes a latent drawn from a normal distribution, whose mean
    is the vector of the unit, and the divergence of this distribution from the standard normal one joins the loss.
    Errors are those of the mean's decoding, without the divergence, so that all autoencoders can be compared by them.

    Args:
        in_channels: Size of the vectors of FOVs.
        sizes: Numbers from the data and from the other parts.
        decoder: ``(in_channels, dimensions) ->`` `Decoder`.
        unit: What gets a vector each: ``fov`` or ``cluster``.
        latent_channels: Size of the vector.
        kl_weight: Weight of the divergence, summed over the channels; 0 for a plain autoencoder.

    Raises:
        ConfigError: Localisations are not stored, an unknown unit, a number is out of range, or the decoder refuses its
            settings.

    Source: Kingma and Welling 2014, "Auto-encoding variational Bayes", arXiv 1312.6114; for point clouds of
    localisations Haghparast et al. 2025, 10.1038/s41598-025-31201-z.
    """

    uses_localisations = True

    def __init__(
        self,
        in_channels: int,
        sizes: HeadSizes,
        decoder: Callable[..., Decoder],
        unit: str = "fov",
        latent_channels: int = 16,
        kl_weight: float = 0.0,
    ) -> None:
        super().__init__(unit, latent_channels)
        check_stored(sizes)
        self.kl_weight = check_number("kl_weight", kl_weight, at_least=0)
        self.decoder: Decoder = build_part(
            decoder, "decoder", Decoder, in_channels=latent_channels, dimensions=sizes.dimensions
        )
        channels = [self.unit_channels(in_channels, sizes), latent_channels]
        self.mean = mlp(channels)
        self.log_variance = mlp(channels) if kl_weight > 0 else None

    def latents(self, encoded: Encoded) -> Tensor:
        """Return the latents, of a variational autoencoder their means, (U, L) float32."""
        latents: Tensor = self.mean(self.encoded_units(encoded)).float()
        return latents

    def loss(self, encoded: Encoded) -> Tensor:
        """Return the mean error over the units of a batch, with the divergence where there is one."""
        latents = self.latents(encoded)
        if self.log_variance is None:
            return self._errors(latents, encoded).mean()
        logarithm = self.log_variance(self.encoded_units(encoded)).float().clamp(max=_LARGEST_LOG_VARIANCE)
        drawn = latents + (0.5 * logarithm).exp() * torch.randn_like(latents)
        divergence = 0.5 * (latents.square() + logarithm.exp() - 1.0 - logarithm).sum(dim=1)
        return (self._errors(drawn, encoded) + self.kl_weight * divergence).mean()

    def errors(self, encoded: Encoded) -> Tensor:
        """Return the error of each unit, decoded from its latent, (U,) float32."""
        return self._errors(self.latents(encoded), encoded)

    @property
    def decodes(self) -> bool:
        """Whether vectors can be turned into localisations: always."""
        return True

    def decode(self, latents: Tensor) -> Tensor:
        """Turn vectors into localisations; see `RepresentationHead.decode`."""
        return self.decoder.points(self.decoder(latents))

    def _errors(self, latents: Tensor, encoded: Encoded) -> Tensor:
        clouds = Clouds.from_graph(encoded.graph, self.unit)
        # where there is no gradient, memory is bounded for any number of units
        most = max(len(latents), 1) if torch.is_grad_enabled() else _MOST_UNITS
        parts = zip(latents.split(most), clouds.parts(most), strict=True)
        return torch.cat([self._errors_of_part(*part) for part in parts])

    def _errors_of_part(self, latents: Tensor, clouds: Clouds) -> Tensor:
        output = self.decoder(latents)
        with no_autocast(latents.device):
            errors: Tensor = self.decoder.errors(output.float(), clouds)
        return errors
