"""Objects, kernels and scans that one superposition needs, prepared once; and passes that lay objects on the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from locgraph.analysis.averages.clouds import Cloud, Clouds
from locgraph.analysis.averages.poses import Poses, axis_rotations, even_rotations, mirror
from locgraph.analysis.averages.registration import Scan, register
from locgraph.analysis.averages.template import Kernel, Points, Template, join, nearest_level, width_levels

MOST_POINTS: Final = 1000
"""Localisations of an object that are registered; of more a random choice. All are in the average."""

_COARSE: Final = {2: 1 / 6, 3: 1 / 3}
_MIDDLE: Final = 1 / 15
_FINE: Final = 1 / 60
_SCAN_STEP: Final = {2: 0.7, 3: 1.0}
_SCAN_POINTS: Final = {2: 150, 3: 60}
_LARGEST_STEP: Final = np.pi / 6
_SHIFT: Final = 0.2
_MARGIN: Final = 1.15
_INNER: Final = 0.98
_GROUPS: Final = {2: 10, 3: 5}


@dataclass(frozen=True)
class Workbench:
    """Objects as weighted points, with the kernels and poses that are tried.

    Attributes:
        points: Of each object, relative to its centre of mass. A localisation has the inverse of the number of those of
            the same object within its precision as its weight, so that a site counts once, however full it is.
        norms: (K,) overlap of each object with itself.
        kernels: From coarse to fine.
        scan: Poses that are tried.
        mirror: Whether mirror images are tried too.
    """

    points: tuple[Points, ...]
    norms: np.ndarray
    kernels: tuple[Kernel, ...]
    scan: Scan
    mirror: bool

    def __len__(self) -> int:
        return len(self.points)

    @property
    def dimensions(self) -> int:
        """2 or 3."""
        return self.kernels[0].dimensions

    def part(self, few: np.ndarray) -> Workbench:
        """Return the same with some objects alone."""
        return Workbench(
            tuple(self.points[each] for each in few), self.norms[few], self.kernels, self.scan, self.mirror
        )

    def placed(self, poses: Poses, index: int, order: int = 1) -> Points:
        """Return the points of an object in its pose, and in the ``order`` poses that a symmetry makes equal."""
        points = self.points[index]
        turns = axis_rotations(2 * np.pi * np.arange(order) / order, self.dimensions)
        places = poses.move(index, points.places) @ turns.transpose(0, 2, 1)
        return Points(
            places.reshape(-1, self.dimensions), np.tile(points.levels, order), np.tile(points.weights / order, order)
        )

    def templates(self, points: Points) -> list[Template]:
        """Return the template of some points with each kernel."""
        return [Template(kernel, kernel.sum(points)) for kernel in self.kernels]

    def register(
        self, index: int, templates: Sequence[Template], start: Poses, scanned: bool
    ) -> tuple[np.ndarray, np.ndarray, bool]:
        """Lay an object on a template; see `locgraph.analysis.averages.registration.register`.

        Returns:
            Rotation, shift, and whether it is mirrored.
        """
        points, scan = self.points[index], self.scan if scanned else None
        tried = (False, True) if self.mirror and scanned else (bool(start.mirrored[index]),)
        results = []
        for mirrored in tried:
            given = Points(mirror(points.places, mirrored), points.levels, points.weights)
            pose = register(given, templates, scan, start.rotations[index], start.shifts[index])
            results.append((*pose, mirrored))
        rotation, shift, _, mirrored = max(results, key=lambda each: each[2])
        return rotation, shift, mirrored

    def cosine(self, index: int, poses: Poses, template: Template, norm: float) -> float:
        """Return the overlap of an object with a template over the root of the product of their own overlaps.

        Args:
            index: The object.
            poses: Where it is.
            template: With the finest kernel.
            norm: Overlap of the template with itself.
        """
        if norm <= 0:
            return 0.0
        placed = self.placed(poses, index)
        value = float(template.density_at(placed) @ placed.weights)
        return float(np.clip(value / np.sqrt(self.norms[index] * norm), 0.0, 1.0))


def set_up(clouds: Clouds, mirror: bool, rng: np.random.Generator, even: bool = True) -> Workbench:
    """Prepare the superposition of objects.

    Args:
        clouds: At least one object.
        mirror: Whether mirror images are tried too.
        rng: Chooses the localisations of large objects.
        even: Whether sites count once, however full they are; False for averages, whose background would count as well.
    """
    kept, d, extent = clouds.kept, clouds.dimensions, clouds.extent_nm
    levels = width_levels(np.concatenate([cloud.widths for cloud in kept]))
    radii = [np.quantile(np.linalg.norm(cloud.points, axis=1), _INNER) for cloud in kept]
    half = _MARGIN * float(np.quantile(radii, 0.95)) + 2 * _SHIFT * extent
    middle = np.array([np.median(levels)])
    kernels = (
        Kernel(middle, _COARSE[d] * extent, half, d),
        Kernel(middle, _MIDDLE * extent, half, d),
        Kernel(levels, _FINE * extent, half, d),
    )
    step = min(_SCAN_STEP[d] * np.sqrt(kernels[0].variance(0, 0)) / extent, _LARGEST_STEP)
    scan = Scan(even_rotations(d, step), step, _SHIFT * extent, _SCAN_POINTS[d])
    prepared = [_points(cloud, levels, kernels[-1], rng, even) for cloud in kept]
    return Workbench(
        tuple(points for points, _ in prepared), np.array([norm for _, norm in prepared]), kernels, scan, mirror
    )


def lay_on_others(
    bench: Workbench, poses: Poses, order: int, scanned: bool, rng: np.random.Generator
) -> tuple[Poses, np.ndarray]:
    """Lay each object on the average of the others, which never holds the object itself.

    Objects are dealt into groups at random, and each group is laid on the average of all other groups: with its own
    localisations in the template an object would fit best where it is.

    Args:
        bench: At least two objects.
        poses: Where they are.
        order: Of the symmetry about the z axis (in 2D the origin) that the average is given.
        scanned: Whether all poses are tried, or the present one alone is improved.
        rng: Deals the groups.

    Returns:
        The new poses, and the cosine (K,) of each object with the others. Without symmetry, the centre of mass of all
        is at the origin.
    """
    new, cosines = poses.copy(), np.zeros(len(bench))
    for group, templates, norm in _others(bench, poses, order, bench.kernels if scanned else bench.kernels[-1:], rng):
        for index in group:
            new.set(index, *bench.register(index, templates, poses, scanned))
            cosines[index] = bench.cosine(index, new, templates[-1], norm)
    return (centred(bench, new) if order == 1 else new), cosines


def agree(bench: Workbench, poses: Poses, rng: np.random.Generator) -> np.ndarray:
    """Return the cosine (K,) of each object with the average of the others, as it lies; NaN of a single object."""
    cosines = np.full(len(bench), np.nan)
    if len(bench) > 1:
        for group, templates, norm in _others(bench, poses, 1, bench.kernels[-1:], rng):
            for index in group:
                cosines[index] = bench.cosine(index, poses, templates[-1], norm)
    return cosines


def _others(
    bench: Workbench, poses: Poses, order: int, kernels: Sequence[Kernel], rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, list[Template], float]]:
    """Yield groups of objects, the average of all others with each kernel, and its overlap with itself."""
    groups = np.array_split(rng.permutation(len(bench)), min(_GROUPS[bench.dimensions], len(bench)))
    of_group = [join([bench.placed(poses, index, order) for index in group]) for group in groups]
    sums = [[kernel.sum(points) for kernel in kernels] for points in of_group]
    totals = [np.sum([each[place] for each in sums], axis=0) for place in range(len(kernels))]
    for place, group in enumerate(groups):
        fields = [total - own for total, own in zip(totals, sums[place], strict=True)]
        templates = [Template(kernel, each) for kernel, each in zip(kernels, fields, strict=True)]
        others = join([points for other, points in enumerate(of_group) if other != place])
        yield group, templates, float(templates[-1].density_at(others) @ others.weights)


def centred(bench: Workbench, poses: Poses) -> Poses:
    """Return poses whose average has its centre of mass at the origin."""
    placed = join([bench.placed(poses, index) for index in range(len(bench))])
    centre = placed.weights @ placed.places / placed.weights.sum()
    return Poses(poses.rotations, poses.shifts - centre, poses.mirrored)


def _points(
    cloud: Cloud, levels: np.ndarray, kernel: Kernel, rng: np.random.Generator, even: bool
) -> tuple[Points, float]:
    """Return the points of an object, with weights that make its sites equal if wanted, and its overlap with itself."""
    rows = np.arange(len(cloud)) if len(cloud) <= MOST_POINTS else rng.choice(len(cloud), MOST_POINTS, replace=False)
    places, level = cloud.points[rows], nearest_level(cloud.widths[rows], levels)
    squares = ((places[:, None] - places) ** 2).sum(axis=-1)
    every = range(len(levels))
    variance = np.array([[kernel.variance(first, second) for second in every] for first in every])[
        level[:, None], level
    ]
    near = np.exp(-squares / (2 * variance))
    weights = 1 / near.sum(axis=1) if even else np.ones(len(near))
    own = weights @ (near / (2 * np.pi * variance) ** (kernel.dimensions / 2)) @ weights
    return Points(places, level, weights), float(own)
