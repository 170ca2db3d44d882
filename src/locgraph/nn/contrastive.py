"""Heads that learn a vector which is alike for two views of a unit, and their losses."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from locgraph import schema
from locgraph.errors import DataError
from locgraph.nn.base import Encoded
from locgraph.nn.layers import check_sizes, mlp
from locgraph.nn.precision import no_autocast, pool
from locgraph.nn.representation import RepresentationHead
from locgraph.nn.rows import gather
from locgraph.nn.sizes import HeadSizes
from locgraph.settings import check_number, check_whole


class ViewLoss(nn.Module):
    """Base class of losses of views: projections (V, K), with the unit of each (V,), to errors (V,) float32.

    Views of one unit follow each other. A view that is the only one of its unit counts as one that agrees with another.
    """

    def forward(self, projections: Tensor, unit: Tensor) -> Tensor:
        """Compare projections, in 32 bits.

        Args:
            projections: (V, K).
            unit: Unit of each (V,) int64, ascending.

        Returns:
            (V,) float32; their mean is the loss.
        """
        with no_autocast(projections.device):
            return self.compare(projections.float(), unit)

    def compare(self, projections: Tensor, unit: Tensor) -> Tensor:
        """As `forward`, with projections in 32 bits."""
        raise NotImplementedError


class NtXent(ViewLoss):
    """Cross-entropy of finding the other views of a unit among all views, by their cosine similarity (SimCLR).

    Args:
        temperature: Similarities are divided by it; lower looks harder at the nearest wrong views.
        most_views: Views that are compared at once: larger batches are compared in parts of this size.

    Raises:
        ConfigError: A number is out of range.

    Source: Chen et al. 2020, "A simple framework for contrastive learning of visual representations", arXiv 2002.05709.
    """

    def __init__(self, temperature: float = 0.2, most_views: int = 2048) -> None:
        super().__init__()
        self.temperature = check_number("temperature", temperature, above=0)
        self.most_views = check_whole("most_views", most_views, at_least=2)

    def compare(self, projections: Tensor, unit: Tensor) -> Tensor:
        """See `ViewLoss.forward`."""
        projections = functional.normalize(projections, dim=1)
        parts = zip(projections.split(self.most_views), unit.split(self.most_views), strict=True)
        return torch.cat([self._of_part(*part) for part in parts]) if len(unit) else projections.sum(dim=1)

    def _of_part(self, projections: Tensor, unit: Tensor) -> Tensor:
        itself = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
        same = (unit[:, None] == unit) & ~itself
        similar = projections @ projections.T
        others = same.sum(dim=1)
        agreement = torch.where(others > 0, (similar * same).sum(dim=1) / others.clamp(min=1), 1.0) / self.temperature
        # a unit of one view is compared with itself, as with a view that agrees
        left_out = itself & (others > 0)[:, None]
        return (similar / self.temperature).masked_fill(left_out, -torch.inf).logsumexp(dim=1) - agreement


class VicReg(ViewLoss):
    """Variance, invariance, covariance: views of a unit agree, and over all views channels spread and are uncorrelated.

    The terms of spread and correlation are those of all views together, the same for each; the paper computes them on
    first and second views apart.

    Args:
        invariance: Weight of the squared distance between views of a unit.
        variance: Weight of the lack of spread.
        covariance: Weight of the correlations.

    Raises:
        ConfigError: A weight is negative.

    Source: Bardes et al. 2022, "VICReg", arXiv 2105.04906.
    """

    def __init__(self, invariance: float = 25.0, variance: float = 25.0, covariance: float = 1.0) -> None:
        super().__init__()
        self.invariance = check_number("invariance", invariance, at_least=0)
        self.variance = check_number("variance", variance, at_least=0)
        self.covariance = check_number("covariance", covariance, at_least=0)

    def compare(self, projections: Tensor, unit: Tensor) -> Tensor:
        """See `ViewLoss.forward`."""
        _, index, counts = unit.unique(return_inverse=True, return_counts=True)
        from_mean = projections - gather(pool(projections, index, len(counts), "mean"), index)
        views = gather(counts, index)
        # the mean over a unit's views is the mean square of the differences of its pairs
        agreement = from_mean.square().mean(dim=1) * 2.0 * views / (views - 1).clamp(min=1)
        if len(unit) < 2:
            return self.invariance * agreement
        centred = projections - projections.mean(dim=0)
        covariance = centred.T @ centred / (len(unit) - 1)
        spread = (1.0 - (covariance.diagonal() + 1e-4).sqrt()).clamp(min=0).mean()
        off_diagonal = covariance.square().sum() - covariance.diagonal().square().sum()
        correlation = off_diagonal / projections.shape[1]
        return self.invariance * agreement + self.variance * spread + self.covariance * correlation


class Contrastive(RepresentationHead):
    """Dense layers to a latent, and a projection of it that is alike for views of a unit and different for others.

    A training batch holds two graphs of each FOV, each augmented by itself (config group ``augment``). Errors compare
    the stored views of each FOV (config group ``views``) with each other and with the other FOVs of the same batch:
    they are for validation, and depend on the size of the batch. Clusters of stored views do not correspond to each
    other: where clusters are the unit, or one view is stored, errors measure whether vectors spread, not whether views
    agree.

    Args:
        in_channels: Size of the vectors of FOVs.
        sizes: Numbers from the data and from the other parts.
        compare: Loss of projections.
        unit: What gets a vector each: ``fov`` or ``cluster``.
        latent_channels: Size of the vector.
        projector: Sizes of the dense layers of the projection, which training alone uses.

    Raises:
        ConfigError: An unknown unit, or a number is out of range.
    """

    drawn_views = 2

    def __init__(
        self,
        in_channels: int,
        sizes: HeadSizes,
        compare: ViewLoss,
        unit: str = "fov",
        latent_channels: int = 16,
        projector: Sequence[int] = (64, 64),
    ) -> None:
        super().__init__(unit, latent_channels)
        check_sizes("projector", projector)
        self.to_latent = mlp([self.unit_channels(in_channels, sizes), latent_channels])
        self.projector = mlp([latent_channels, *projector])
        self.compare = compare

    def latents(self, encoded: Encoded) -> Tensor:
        """Return the latents (U, L) float32."""
        latents: Tensor = self.to_latent(self.encoded_units(encoded)).float()
        return latents

    def loss(self, encoded: Encoded) -> Tensor:
        """Return the loss of a batch with two graphs of each FOV, one after the other.

        Raises:
            DataError: The batch holds something else, or the two graphs of a FOV have other clusters.
        """
        projections = self.projector(self.latents(encoded))
        first, second = self._pairs(encoded)
        pairs = torch.stack([projections[first], projections[second]], dim=1).flatten(0, 1)
        if self.training and self.unit == schema.CLUSTER:
            # parts of a large batch should not hold neighbours in one FOV alone
            order = torch.randperm(len(first), device=first.device)
            pairs = pairs.unflatten(0, (-1, 2))[order].flatten(0, 1)
        unit = torch.arange(len(first), device=first.device).repeat_interleave(2)
        errors: Tensor = self.compare(pairs, unit)
        return errors.sum() / max(len(errors), 1)

    def errors(self, encoded: Encoded) -> Tensor:
        """Return the loss of each unit, from the stored views of its FOV where it is a FOV, (U,) float32."""
        projections = self.projector(self.latents(encoded))
        unit = torch.arange(len(projections), device=projections.device)
        if self.unit == schema.FOV:
            unit = encoded.graph[schema.FOV].to(unit.device)
        errors: Tensor = self.compare(projections, unit)
        return errors

    def _pairs(self, encoded: Encoded) -> tuple[Tensor, Tensor]:
        """Return the rows of the first and of the second view of each unit."""
        graph = encoded.graph
        fov = graph[schema.FOV]
        if len(fov) % 2 or not torch.equal(fov[::2], fov[1::2]) or len(fov[::2].unique()) < len(fov) // 2:
            raise DataError(
                f"expected two graphs of each FOV, one after the other, found graphs of FOVs {fov.tolist()}"
            )
        if self.unit == schema.FOV:
            index = torch.arange(len(fov), device=encoded.fovs.device)
            return index[::2], index[1::2]
        batch = graph[schema.CLUSTER].batch
        counts = torch.bincount(batch, minlength=len(fov))
        if not torch.equal(counts[::2], counts[1::2]):
            raise DataError("expected the same clusters in both graphs of each FOV, found other numbers of clusters")
        second = (batch % 2).bool()
        return torch.nonzero(~second)[:, 0], torch.nonzero(second)[:, 0]
