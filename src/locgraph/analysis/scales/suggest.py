"""Settings of DBSCAN and the size of objects, suggested from regions of fields of view (FOVs)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from locgraph.analysis.scales.correlation import Correlation, correlate
from locgraph.analysis.scales.neighbours import NeighbourCurve, neighbour_curve
from locgraph.analysis.scales.plateaus import Plateau, find_levels, find_plateaus, find_steadiest, joined_from
from locgraph.analysis.scales.regions import Region, cut_region
from locgraph.analysis.scales.scan import Scan, scan
from locgraph.errors import ConfigError
from locgraph.preparation.clustering.dbscan import DBSCAN
from locgraph.settings import check_whole

MIN_SAMPLES: Final = (3, 5, 10, 20)
_STEP: Final = 1.35  # ratio of one radius to the one before: agreement depends on it
_SHOWN: Final = 3000
_FROM: Final = 0.5  # the smallest radius, in units of the smallest of the curve
_BEYOND_CURVE: Final = 2.0
_OF_SIDE: Final = 0.1  # of a region: clusters farther apart than this are too few to be counted


@dataclass(frozen=True, repr=False)
class Suggestion:
    """What was measured, and what it suggests.

    Attributes:
        regions: Where it was measured.
        curves: Distances to the k-th neighbour, one curve for each of ``min_samples``.
        correlation: Ripley's L and the pair correlation.
        scanned: DBSCAN over a grid of settings.
        plateaus: Ranges with the same clusters.
        levels: The best plateau of each scale, the finest first; empty where nothing is stable.
        steadiest: What changes least with the radius; None where no clustering is meaningful.
        one_object: Radius in nm from which each FOV is one cluster; None where there is none.
    """

    regions: tuple[Region, ...]
    curves: tuple[NeighbourCurve, ...]
    correlation: Correlation
    scanned: Scan
    plateaus: tuple[Plateau, ...]
    levels: tuple[Plateau, ...]
    steadiest: Plateau | None
    one_object: float | None

    def __repr__(self) -> str:
        return f"Suggestion: {' '.join([*self.clustering_overrides(), *self.object_overrides()])}"

    @property
    def clusters(self) -> Plateau | None:
        """The finest scale at which clusters are stable, or else the steadiest clustering."""
        return self.levels[0] if self.levels else self.steadiest

    @property
    def objects(self) -> Plateau | None:
        """The coarsest scale, which may be the only one; None where nothing is stable."""
        return self.levels[-1] if self.levels else None

    @property
    def eps_nm(self) -> float:
        """Radius for DBSCAN: the middle of the range of `clusters`, or else the knee of the neighbour curve."""
        return float(f"{self._curve.knee:.3g}") if self.clusters is None else self.clusters.eps

    @property
    def min_samples(self) -> int:
        """Number for DBSCAN."""
        return self._curve.k if self.clusters is None else self.clusters.min_samples

    @property
    def _curve(self) -> NeighbourCurve:
        return self.curves[(len(self.curves) - 1) // 2]

    def clustering_overrides(self) -> list[str]:
        """Return the suggested clustering as it is written on a command line."""
        return ["clustering=dbscan", f"clustering.eps_nm={self.eps_nm:g}", f"clustering.min_samples={self.min_samples}"]

    def object_overrides(self) -> list[str]:
        """Return the suggested objects as they are written on a command line; empty where there are none."""
        if self.objects is None:
            return []
        return [
            "objects=sites",
            f"objects.eps_nm={self.objects.eps:g}",
            f"objects.min_samples={self.objects.min_samples}",
        ]


def suggest_scales(regions: Sequence[Region], min_samples: Sequence[int] = MIN_SAMPLES) -> Suggestion:
    """Measure scales, and suggest settings.

    DBSCAN runs over radii from half of the smallest neighbour distance of the curve to twice its largest, or a tenth of
    the side of a region, and over ``min_samples``. Ranges of radii over which neighbouring settings give the same
    clusters (adjusted Rand index of 0.9) are plateaus; plateaus with clusters of other sizes are other scales.

    Args:
        regions: Where scales are measured.
        min_samples: Numbers that are tried, at least 2 each.

    Raises:
        ConfigError: ``min_samples`` holds no numbers.
        DataError: The regions hold too few localisations, or lie on a line along x or y.
    """
    numbers = check_numbers(min_samples)
    curves = tuple(neighbour_curve(regions, number) for number in numbers)
    correlation = correlate(regions)
    side = float(np.median([region.side for region in regions]))
    largest = max(_BEYOND_CURVE * curves[-1].distances[-1], _OF_SIDE * side)
    smallest = _FROM * curves[0].distances[0]
    steps = int(np.ceil(np.log(largest / smallest) / np.log(_STEP)))
    scanned = scan(regions, smallest * _STEP ** np.arange(steps + 1), numbers)
    plateaus = find_plateaus(scanned)
    return Suggestion(
        tuple(regions),
        curves,
        correlation,
        scanned,
        tuple(plateaus),
        tuple(find_levels(plateaus)),
        find_steadiest(scanned),
        joined_from(scanned),
    )


@dataclass(frozen=True)
class Example:
    """One region with the suggested clusters.

    Attributes:
        region: The region.
        clusters: Cluster of each localisation (N,) int64; -1 is noise.
        objects: The same at the coarsest scale; None where there is one scale, or none.
    """

    region: Region
    clusters: np.ndarray
    objects: np.ndarray | None


def make_example(suggestion: Suggestion) -> Example:
    """Cluster a part of the region of middle size with the suggested settings: few enough to be seen."""
    middle = sorted(suggestion.regions, key=lambda each: len(each.points))[len(suggestion.regions) // 2]
    region = cut_region(middle.fov_id, middle.points, _SHOWN)
    clusters = DBSCAN(suggestion.eps_nm, suggestion.min_samples, backend="cpu")(region.points, 0)
    coarse = suggestion.objects
    if coarse is None or coarse is suggestion.clusters:
        return Example(region, clusters, None)
    return Example(region, clusters, DBSCAN(coarse.eps, coarse.min_samples, backend="cpu")(region.points, 0))


def check_numbers(min_samples: Any) -> tuple[int, ...]:
    """Return numbers of localisations in order, without repetition.

    Raises:
        ConfigError: They are no list of whole numbers of at least 2.
    """
    if isinstance(min_samples, str) or not isinstance(min_samples, Sequence) or not min_samples:
        raise ConfigError(
            f"expected a list of whole numbers, such as [3, 5, 10], found {min_samples!r}", setting="min_samples"
        )
    return tuple(sorted({check_whole("min_samples", number, at_least=2) for number in min_samples}))
