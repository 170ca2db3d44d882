"""Distances between decoded points and the ragged localisations of each unit, as losses."""

from __future__ import annotations

from importlib.util import find_spec

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from locgraph.errors import MissingPackageError
from locgraph.nn.clouds import MOST_CELLS, Clouds
from locgraph.nn.precision import no_autocast, pool
from locgraph.nn.rows import gather
from locgraph.settings import check_choice, check_number, check_whole

_TINY = 1e-12  # keeps the gradient of coincident points finite


class CloudLoss(nn.Module):
    """Base class of losses between point clouds: points (U, P, D) and clouds of U units to (U,) float32.

    All are computed in 32 bits, and 0 where a unit has no localisation. None grows with the number of points.
    """

    def forward(self, points: Tensor, clouds: Clouds) -> Tensor:
        """Compare the points with the localisations of each unit.

        Args:
            points: (U, P, D), relative to the centre of the unit.
            clouds: Localisations of the same units.

        Returns:
            (U,) float32, in units of the batch, or their square.
        """
        with no_autocast(points.device):
            return self.compare(points.float(), clouds)

    def compare(self, points: Tensor, clouds: Clouds) -> Tensor:
        """As `forward`, with points in 32 bits."""
        raise NotImplementedError


class Chamfer(CloudLoss):
    """Mean distance of a point to the nearest localisation, plus mean distance of a localisation to the nearest point.

    Only pairs of nearest points are kept for the gradient, so that memory grows with the number of points alone.

    Args:
        squared: Square the distances: far points count more.
        most_cells: Distances that are held at once.

    Raises:
        ConfigError: ``most_cells`` is below 1.

    Source: Fan et al. 2017, "A point set generation network", arXiv 1612.00603, with means in place of sums.
    """

    def __init__(self, squared: bool = False, most_cells: int = MOST_CELLS) -> None:
        super().__init__()
        self.squared = squared
        self.most_cells = check_whole("most_cells", most_cells, at_least=1)

    def compare(self, points: Tensor, clouds: Clouds) -> Tensor:
        """See `CloudLoss.forward`."""
        with torch.no_grad():
            to_cloud, to_points = self._nearest(points, clouds)
        has_points = (clouds.sizes > 0).float()
        there = (
            clouds.points.index_select(0, to_cloud.flatten()).unflatten(0, to_cloud.shape) if len(clouds.points) else 0
        )
        forth = self._lengths(points - there).mean(dim=1) * has_points
        back = self._lengths(clouds.points - gather(points.flatten(0, 1), to_points))
        return forth + pool(back[:, None], clouds.owner, clouds.size, "mean")[:, 0]

    def _lengths(self, offsets: Tensor) -> Tensor:
        squares = offsets.square().sum(dim=-1)
        return squares if self.squared else (squares + _TINY).sqrt()

    def _nearest(self, points: Tensor, clouds: Clouds) -> tuple[Tensor, Tensor]:
        """Return the nearest row of the clouds for each point (U, P), and of the flat points for each localisation."""
        to_cloud = torch.zeros(points.shape[:2], dtype=torch.int64, device=points.device)
        to_points = torch.zeros_like(clouds.owner)
        for units in clouds.chunks(points.shape[1], self.most_cells):
            rows, mask = clouds.rows(units)
            distances = torch.cdist(points[units], clouds.points[rows])
            place = distances.masked_fill(~mask[:, None], torch.inf).argmin(dim=2)
            to_cloud[units] = torch.take_along_dim(rows, place, dim=1)
            to_points[rows[mask]] = (units[:, None] * points.shape[1] + distances.argmin(dim=1))[mask]
        return to_cloud, to_points


class PairDistances(CloudLoss):
    """Difference between the distributions of the distances of all pairs of points: free of any pose by its nature.

    Distances are compared at evenly spaced quantiles, which is the Wasserstein distance between their distributions.
    Mirror images have the same distances: this loss cannot tell them apart.

    Args:
        quantiles: Number of quantiles.
        most_points: Localisations of a unit that are compared at most: more take part by every second, third, ...
        most_cells: Distances that are held at once.

    Raises:
        ConfigError: A number is out of range.

    Source: Osada et al. 2002, "Shape distributions", 10.1145/571647.571648.
    """

    def __init__(self, quantiles: int = 64, most_points: int = 256, most_cells: int = MOST_CELLS) -> None:
        super().__init__()
        self.quantiles = check_whole("quantiles", quantiles, at_least=2)
        self.most_points = check_whole("most_points", most_points, at_least=2)
        self.most_cells = check_whole("most_cells", most_cells, at_least=1)

    def compare(self, points: Tensor, clouds: Clouds) -> Tensor:
        """See `CloudLoss.forward`."""
        with torch.no_grad():
            expected = self._of_clouds(self._thinned(clouds))
        everywhere = torch.ones(points.shape[:2], dtype=torch.bool, device=points.device)
        decoded = self._of_padded(points, everywhere)
        return (decoded - expected).abs().mean(dim=1) * (clouds.sizes > 0)

    def _thinned(self, clouds: Clouds) -> Clouds:
        step = ((clouds.sizes + self.most_points - 1) // self.most_points).clamp(min=1)
        place = torch.arange(len(clouds.owner), device=clouds.owner.device) - gather(
            torch.cumsum(clouds.sizes, 0) - clouds.sizes, clouds.owner
        )
        kept = place % gather(step, clouds.owner) == 0
        return Clouds(clouds.points[kept], clouds.owner[kept], clouds.size)

    def _of_clouds(self, clouds: Clouds) -> Tensor:
        result = clouds.points.new_zeros((clouds.size, self.quantiles))
        for units in clouds.chunks(int(clouds.sizes.max()) if clouds.size else 1, self.most_cells):
            rows, mask = clouds.rows(units)
            result[units] = self._of_padded(clouds.points[rows], mask)
        return result

    def _of_padded(self, points: Tensor, mask: Tensor) -> Tensor:
        """Return the quantiles of the distances of real points: (u, M, D) and (u, M) to (u, quantiles)."""
        if points.shape[1] < 2:
            return points.new_zeros((len(points), self.quantiles))
        first, second = torch.triu_indices(points.shape[1], points.shape[1], 1, device=points.device)
        lengths = ((points[:, first] - points[:, second]).square().sum(dim=2) + _TINY).sqrt()
        # points are real from the first to the last: so is a pair whose second point is
        lengths = lengths.masked_fill(~mask[:, second], torch.inf).sort(dim=1).values
        sizes = mask.sum(dim=1)
        last = (sizes * (sizes - 1) / 2 - 1).clamp(min=0)
        place = (torch.arange(self.quantiles, device=points.device) + 0.5) / self.quantiles * last[:, None]
        low = place.long()
        high = torch.minimum(low + 1, last.long()[:, None])
        values = torch.lerp(lengths.gather(1, low), lengths.gather(1, high), place - low)
        return values.where((sizes > 1)[:, None], torch.zeros_like(values))


class Sinkhorn(CloudLoss):
    """Cost of moving one cloud onto the other, all points alike heavy: the debiased Sinkhorn divergence of geomloss.

    Unlike the nearest distances of `Chamfer` it sees how many points lie where.
    Needs the extra ``sinkhorn``.

    Args:
        power: Cost of moving a point by a distance: 1 for the distance, 2 for half its square.
        blur: Length below which details do not count, in units of the batch.
        scaling: Step of the schedule of blurs in (0, 1); nearer to 1 is more exact and slower.
        most_cells: Distances that are held at once.

    Raises:
        ConfigError: A number is out of range.
        MissingPackageError: geomloss is not installed.

    Source: Feydy et al. 2019, "Interpolating between optimal transport and MMD using Sinkhorn divergences",
    arXiv 1810.08278.
    """

    def __init__(
        self, power: int = 1, blur: float = 0.02, scaling: float = 0.5, most_cells: int = MOST_CELLS // 4
    ) -> None:
        super().__init__()
        check_choice("power", power, (1, 2))
        check_number("blur", blur, above=0)
        if check_number("scaling", scaling, above=0) >= 1:
            check_number("scaling", scaling, at_most=0.999)
        self.most_cells = check_whole("most_cells", most_cells, at_least=1)
        if find_spec("geomloss") is None:
            raise MissingPackageError(
                "the Sinkhorn loss needs a package that is not installed: pip install 'locgraph[sinkhorn]'"
            )
        from geomloss import SamplesLoss  # heavy, and absent where the extra is

        self.divergence = SamplesLoss("sinkhorn", p=power, blur=blur, scaling=scaling, backend="tensorized")

    def compare(self, points: Tensor, clouds: Clouds) -> Tensor:
        """See `CloudLoss.forward`."""
        result = points.new_zeros(clouds.size)
        for units in clouds.chunks(points.shape[1], self.most_cells):
            rows, mask = clouds.rows(units)
            # only one chunk at a time keeps what its gradient needs
            values = checkpoint(self._of_padded, points[units], clouds.points[rows], mask, use_reentrant=False)
            result = result.index_add(0, units, values)
        return result

    def _of_padded(self, points: Tensor, cloud: Tensor, mask: Tensor) -> Tensor:
        ours = torch.full_like(points[..., 0], 1.0 / points.shape[1])
        theirs = mask / mask.sum(dim=1, keepdim=True)
        values: Tensor = self.divergence(ours, points, theirs, cloud)
        return values
