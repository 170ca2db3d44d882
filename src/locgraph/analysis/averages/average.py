"""The average of objects: their localisations in one frame, by the objects' own axes or by registration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.averages import columns
from locgraph.analysis.averages.axes import LEAST_EVIDENCE, axes_poses
from locgraph.analysis.averages.clouds import Cloud, Clouds, read_clouds
from locgraph.analysis.averages.density import (
    DensityMap,
    angular_profile,
    correlate_halves,
    density_map,
    radial_profile,
)
from locgraph.analysis.averages.frames import find_axis, placed_points
from locgraph.analysis.averages.fusion import fuse
from locgraph.analysis.averages.poses import Poses, identity
from locgraph.analysis.averages.workbench import agree, set_up
from locgraph.errors import ConfigError, DataError
from locgraph.stats.ring_correlation import RingCorrelation
from locgraph.stats.rotational_symmetry import Symmetry

AXES: Final = "axes"
PAIRWISE: Final = "pairwise"

METHODS: Final = (AXES, PAIRWISE)
"""Ways to lay objects upon each other: by their own axes, or by registration."""

_LEAST_HALVED: Final = 4
_LEAST_JUDGED: Final = 5
_FAR: Final = 3.0
_NORMAL: Final = 1.4826  # standard deviation of a normal distribution over its median absolute deviation


@dataclass(frozen=True)
class Average:
    """Objects in one frame: its origin is their centre, x their longest axis, z (in 3D) the axis of a symmetry.

    Attributes:
        method: One of `METHODS`.
        positions: ``object``, ``x``, ``y`` (``z``) in nm and ``precision`` of all localisations.
        objects: The columns of `columns.AVERAGED_OBJECT_COLUMNS`, one row for each object.
        density: Seen along z.
        radial: Density by distance from the centre.
        angular: Density by angle about z.
        symmetry: Evidence for each order of rotational symmetry.
        order: Of the symmetry over whose equal poses objects were spread; 1 where they were not.
        halves: Fourier correlation of the averages of two halves of the objects, which were laid upon each other apart;
            None of fewer than four objects, or where it was not asked for.
        left_out: Name of an object -> why it is not in the average.
        notes: What was assumed and what is uncertain, one sentence each.
    """

    method: str
    positions: pl.DataFrame
    objects: pl.DataFrame
    density: DensityMap
    radial: pl.DataFrame
    angular: pl.DataFrame
    symmetry: Symmetry
    order: int
    halves: RingCorrelation | None
    left_out: dict[str, str]
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        resolution = None if self.halves is None else self.halves.resolution_nm()
        words = "" if resolution is None else f", resolution {resolution:.3g} nm"
        return (
            f"Average({self.objects.height} objects by {self.method}, {self.positions.height} localisations, "
            f"symmetry C{self.symmetry.order}{words}, {len(self.left_out)} left out)"
        )


def average(
    objects: Mapping[str, pl.DataFrame],
    method: str = PAIRWISE,
    symmetry: int | None = None,
    mirror: bool = False,
    resolution: bool = True,
    seed: int = 0,
) -> Average:
    """Lay objects upon each other.

    Args:
        objects: Name -> localisations: x and y (and z) in nm, ``precision`` (and ``precision_z``) where they are known.
        method: ``axes``: centre of mass, principal axes, signs by third moments; fast, but undefined for objects with a
            rotational symmetry and unsteady where sites are missing. ``pairwise``: registration; see
            `locgraph.analysis.averages.fusion.fuse`.
        symmetry: Order of the rotational symmetry that objects are known to have, 1 for none; None estimates it. Of no
            effect on the poses of ``axes``.
        mirror: Whether mirror images may be laid upon each other; ``pairwise`` alone. In 3D a flat object and its
            mirror image are the same in another pose.
        resolution: Whether halves of the objects are averaged apart and compared, which takes as long as the average.
        seed: Of all that is random.

    Raises:
        ConfigError: No such method.
        DataError: No object has a pose, or they differ in their dimensions.
    """
    if method not in METHODS:
        raise ConfigError(f"expected one of {', '.join(METHODS)}, found {method!r}", setting="method")
    clouds = read_clouds(objects)
    if not clouds.kept:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in list(clouds.left_out.items())[:3])
        raise DataError(f"expected at least one object with a pose, found none of {len(objects)} ({reasons or 'none'})")
    if method == AXES:
        poses, evidence = axes_poses(clouds.kept)
        scores = agree(set_up(clouds, False, np.random.default_rng(seed)), poses, np.random.default_rng(seed))
        found, order, extra = find_axis(clouds, poses, None, seed).symmetry, 1, _axes_notes(evidence)
    else:
        fusion = fuse(clouds, symmetry, mirror, seed)
        poses, scores, found, order, extra = fusion.poses, fusion.scores, fusion.symmetry, fusion.order, ()
        evidence = None
    halves = _halves(clouds, poses, method, order, mirror, seed) if resolution else None
    if resolution and halves is None:
        extra = (*extra, f"{len(clouds.kept)} objects: no resolution, which needs {_LEAST_HALVED}")
    points = placed_points(clouds, poses)
    width, count = clouds.width_nm, len(clouds.kept)
    return Average(
        method=method,
        positions=_positions(clouds, points),
        objects=_objects(clouds, poses, scores, evidence),
        density=density_map(points, width, count),
        radial=radial_profile(points, width, count),
        angular=angular_profile(points, count),
        symmetry=found,
        order=order,
        halves=halves,
        left_out=clouds.left_out,
        notes=(*clouds.notes, *extra),
    )


def _axes_notes(evidence: np.ndarray) -> tuple[str, ...]:
    undefined = int(np.count_nonzero(evidence < LEAST_EVIDENCE))
    if not undefined:
        return ()
    return (
        f"the axes of {undefined} of {len(evidence)} objects are not defined: two are equally long, or a third moment "
        f"is 0, within {LEAST_EVIDENCE:g} standard errors, as of rings and of whatever has a rotational symmetry",
    )


def _halves(clouds: Clouds, poses: Poses, method: str, order: int, mirror: bool, seed: int) -> RingCorrelation | None:
    """Return the correlation of the averages of two halves of the objects.

    Registered objects are laid upon each other in each half apart, so that noise which all were aligned to does not
    count as detail, and the halves are registered to each other at the end.
    """
    count = len(clouds.kept)
    if count < _LEAST_HALVED:
        return None
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(count)
    sides = [np.sort(shuffled[: count // 2]), np.sort(shuffled[count // 2 :])]
    parts = [Clouds(tuple(clouds.kept[index] for index in side), {}) for side in sides]
    if method == AXES:
        points = [placed_points(part, poses.part(side)) for part, side in zip(parts, sides, strict=True)]
        return correlate_halves(points[0], points[1], clouds.width_nm)
    points = [
        placed_points(part, fuse(part, order, mirror, seed + 1 + place).poses) for place, part in enumerate(parts)
    ]
    merged = [
        Cloud(
            str(place),
            each - each.mean(axis=0),
            np.concatenate([cloud.widths for cloud in part.kept]),
            each.mean(axis=0),
        )
        for place, (each, part) in enumerate(zip(points, parts, strict=True))
    ]
    bench = set_up(Clouds(tuple(merged), {}), mirror, rng, even=False)
    still = identity(2, clouds.dimensions)
    laid = identity(2, clouds.dimensions)
    laid.set(1, *bench.register(1, bench.templates(bench.placed(still, 0)), still, True))
    return correlate_halves(merged[0].points, laid.move(1, merged[1].points), clouds.width_nm)


def _positions(clouds: Clouds, points: np.ndarray) -> pl.DataFrame:
    sizes = [len(cloud) for cloud in clouds.kept]
    return pl.DataFrame(
        {
            schema.OBJECT: np.repeat([cloud.name for cloud in clouds.kept], sizes),
            **{name: points[:, axis] for axis, name in enumerate(schema.position_columns(clouds.dimensions))},
            schema.PRECISION: np.concatenate([cloud.widths for cloud in clouds.kept]),
        }
    )


def _objects(clouds: Clouds, poses: Poses, scores: np.ndarray, evidence: np.ndarray | None) -> pl.DataFrame:
    """Return one row for each object: pose, score, whether it is unlike the others."""
    count, flat = len(scores), clouds.dimensions == 2
    angles = np.degrees(np.arctan2(poses.rotations[:, 1, 0], poses.rotations[:, 0, 0]))
    rows: dict[str, Any] = {
        schema.OBJECT: [cloud.name for cloud in clouds.kept],
        schema.N_LOCALISATIONS: [len(cloud) for cloud in clouds.kept],
        columns.ANGLE: angles if flat else [None] * count,
        columns.ROTATION: poses.rotations.reshape(count, -1).tolist(),
        columns.SHIFT: poses.shifts.tolist(),
        columns.CENTRE: [cloud.centre.tolist() for cloud in clouds.kept],
        columns.MIRRORED: poses.mirrored,
        schema.SCORE: [float(score) if np.isfinite(score) else None for score in scores],
        columns.POSE_EVIDENCE: [None] * count if evidence is None else evidence,
        columns.OUTLIER: _unlike(scores),
    }
    return pl.DataFrame(rows, schema={column.name: column.dtype for column in columns.AVERAGED_OBJECT_COLUMNS.values()})


def _unlike(scores: np.ndarray) -> np.ndarray:
    """Return which scores lie three robust standard deviations below the median; none of fewer than five."""
    if len(scores) < _LEAST_JUDGED:
        return np.zeros(len(scores), bool)
    middle = np.median(scores)
    return scores < middle - _FAR * _NORMAL * np.median(np.abs(scores - middle))
