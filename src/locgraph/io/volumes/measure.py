"""Points and measures of the objects of a label volume."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.io.volumes.canvases import cut_objects
from locgraph.io.volumes.objects import VolumeObjects, find_objects
from locgraph.io.volumes.settings import LABEL, MEASURES, SHAPE_COLUMNS, VolumeSettings
from locgraph.io.volumes.skeletons import skeleton_lengths
from locgraph.io.volumes.surfaces import draw_points, find_surfaces, smooth_surfaces

MOST_POINTS: Final = 40_000_000
"""Of one file: with all measures of their objects, 4 GB."""


def measure_objects(
    values: np.ndarray,
    voxel_nm: Sequence[float],
    settings: VolumeSettings,
    intensity: np.ndarray | None,
    wanted: Collection[str],
    path: Path,
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Return points on the surfaces of all objects, with the measures of each object beside its points.

    Args:
        values: Labels (Z, Y, X) or (Y, X); 0 is background. The first voxel spans 0 to its size.
        voxel_nm: Size of a voxel along each axis.
        settings: How many points are drawn, and the seed.
        intensity: Intensities of the same shape; None for none.
        wanted: Columns of the table.
        path: What to call the file in errors.

    Returns:
        The table, one row for each point, sorted by label; and remarks.

    Raises:
        DataError: There would be more than `MOST_POINTS`.
    """
    D, voxels = values.ndim, np.asarray(voxel_nm, np.float64)
    objects = find_objects(values, voxels, intensity)
    if settings.points_per_object is not None:
        _check_total(settings.points_per_object * len(objects), len(objects), path)
    contents = objects.voxels * float(voxels.prod())
    surfaces, skeletons = np.zeros(len(objects)), np.zeros(len(objects))
    points: list[np.ndarray] = []
    owners: list[np.ndarray] = []
    total = 0
    for canvas in cut_objects(values, objects):
        chosen = canvas.objects
        meshes = smooth_surfaces(find_surfaces(canvas.mask, voxels, canvas.first), contents[chosen])
        surfaces[chosen] = meshes.total_sizes()
        if schema.SKELETON_LENGTH in wanted:
            skeletons[chosen] = skeleton_lengths(canvas.mask, voxels, canvas.first)
        counts = _counts(surfaces[chosen], settings)
        total += int(counts.sum())
        _check_total(total, len(objects), path)
        drawn, own = draw_points(meshes, counts, _seeds(objects.labels[chosen], settings.seed))
        points.append(drawn + (canvas.shifts[own] + 0.5) * voxels)
        owners.append(chosen[own])
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    owner, places = owner[order], np.concatenate(points)[order]
    shape = (_diameters(contents, D), _boundary_diameters(surfaces, D), *_padded(objects.lengths).T, skeletons)
    measures = dict(zip(SHAPE_COLUMNS, shape, strict=True)) | objects.intensities
    columns = dict(zip(schema.position_columns(D), places.T[::-1], strict=True)) | {LABEL: objects.labels[owner]}
    columns |= {name: measures[name][owner] for name in MEASURES if name in measures}
    return pl.DataFrame({name: column for name, column in columns.items() if name in wanted}), _remarks(values, objects)


def _counts(surfaces: np.ndarray, settings: VolumeSettings) -> np.ndarray:
    """Return the number of points of each object (L,) int64, given its surface (3D) or perimeter (2D)."""
    if settings.points_per_object is not None:
        return np.full(len(surfaces), settings.points_per_object, np.int64)
    return np.maximum(np.rint(surfaces * float(settings.density or 0)), 1).astype(np.int64)


def _check_total(total: int, n_objects: int, path: Path) -> None:
    if total > MOST_POINTS:
        raise DataError(
            f"{path}: expected at most {MOST_POINTS:,} points of one file; found {total:,} or more for {n_objects:,} "
            "objects. Draw fewer of each, or cut the volume into blocks",
            setting="points_per_object",
        )


def _seeds(labels: np.ndarray, seed: int) -> np.ndarray:
    """Return a seed for each label (L,) uint64, other ones for each ``seed``."""
    own = np.random.SeedSequence(seed).generate_state(1, np.uint64)
    return labels.astype(np.uint64) ^ own


def _diameters(contents: np.ndarray, D: int) -> np.ndarray:
    """Return the diameter of the ball of a volume (3D), or disc of an area (2D)."""
    return np.cbrt(6 * contents / np.pi) if D == 3 else np.sqrt(4 * contents / np.pi)


def _boundary_diameters(boundaries: np.ndarray, D: int) -> np.ndarray:
    """Return the diameter of the ball of a surface (3D), or disc of a perimeter (2D)."""
    return np.sqrt(boundaries / np.pi) if D == 3 else boundaries / np.pi


def _padded(lengths: np.ndarray) -> np.ndarray:
    """Return lengths of principal axes (L, 3): in 2D the third is 0."""
    return np.pad(lengths, ((0, 0), (0, len(schema.AXIS_LENGTHS) - lengths.shape[1])))


def _remarks(values: np.ndarray, objects: VolumeObjects) -> tuple[str, ...]:
    cut = ((objects.low == 0) | (objects.high == np.array(values.shape) - 1)).any(axis=1).sum()
    if not cut:
        return ()
    return (f"{cut:,} of {len(objects):,} objects touch the border of the volume: they are cut off, and closed there",)
