"""Measures of the objects of label volumes, which their reader has taken of all voxels: see `locgraph.io.volumes`."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.shape import ratio
from locgraph.schema import FRACTION, LOG, LOG1P, Column

OBJECT_VOLUME: Final = "object_volume"
OBJECT_SURFACE: Final = "object_surface"
OBJECT_SPHERICITY: Final = "object_sphericity"
OBJECT_AREA: Final = "object_area"
OBJECT_PERIMETER: Final = "object_perimeter"
OBJECT_CIRCULARITY: Final = "object_circularity"


class MaskShape:
    """Size and shape of the object of a label volume, from its voxels and not from the points on its surface.

    With V the volume of the voxels and S the area of the smoothed surface (`smooth_surfaces`), in 3D: ``object_volume``
    = V in nm^3, ``object_surface`` = S in nm^2, ``object_sphericity`` = pi^(1/3) (6 V)^(2/3) / S (Wadell 1935,
    10.1086/624298). In 2D, with the area A and perimeter P: ``object_area``, ``object_perimeter`` and
    ``object_circularity`` = 4 pi A / P^2. Both ratios are 1 for a ball or disc and less for all else.
    ``object_axis_length_0`` to ``_2`` (``_1`` in 2D) are the lengths in nm of the principal axes of the ellipsoid with
    the second moments of the voxels, largest first.

    Each cluster must lie in one object, as with ``clustering=given``; a part of one has the measures of the whole.
    """

    needs: tuple[str, ...] = (
        *(schema.SOURCE_CLUSTER, schema.OBJECT_DIAMETER, schema.SURFACE_DIAMETER),
        *schema.AXIS_LENGTHS,
    )

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """Return the columns in 2 or 3 dimensions."""
        axes = tuple(
            Column(_named(name), pl.Float64, "nm", f"length of principal axis {index} of the object", LOG)
            for index, name in enumerate(schema.AXIS_LENGTHS[:dimensions])
        )
        if dimensions == 2:
            return (
                Column(OBJECT_AREA, pl.Float64, "nm^2", "area of the pixels of the object", LOG),
                Column(OBJECT_PERIMETER, pl.Float64, "nm", "length of the outline of the object", LOG),
                Column(OBJECT_CIRCULARITY, pl.Float64, "1", "1 for a disc, less for all else", FRACTION),
                *axes,
            )
        return (
            Column(OBJECT_VOLUME, pl.Float64, "nm^3", "volume of the voxels of the object", LOG),
            Column(OBJECT_SURFACE, pl.Float64, "nm^2", "area of the surface of the object", LOG),
            Column(OBJECT_SPHERICITY, pl.Float64, "1", "1 for a ball, less for all else", FRACTION),
            *axes,
        )

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Take the measures of the object of each cluster."""
        values = _of_objects(groups, self.needs[1:])
        D = groups.dimensions
        content, boundary = values.pop(schema.OBJECT_DIAMETER), values.pop(schema.SURFACE_DIAMETER)
        roundness = np.minimum(ratio(content, boundary) ** 2, 1.0)
        axes = {_named(name): values[name] for name in schema.AXIS_LENGTHS[:D]}
        if D == 2:
            sizes = {OBJECT_AREA: np.pi / 4 * content**2, OBJECT_PERIMETER: np.pi * boundary}
            return sizes | {OBJECT_CIRCULARITY: roundness} | axes
        sizes = {OBJECT_VOLUME: np.pi / 6 * content**3, OBJECT_SURFACE: np.pi * boundary**2}
        return sizes | {OBJECT_SPHERICITY: roundness} | axes


class MaskSkeleton:
    """Length of the skeleton of the object of a label volume, in nm: see `skeleton_lengths`."""

    needs: tuple[str, ...] = (schema.SOURCE_CLUSTER, schema.SKELETON_LENGTH)

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """Return the columns in 2 or 3 dimensions."""
        return (
            Column(_named(schema.SKELETON_LENGTH), pl.Float64, "nm", "length of the skeleton of the object", LOG1P),
        )

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Take the length of the object of each cluster."""
        return {_named(name): values for name, values in _of_objects(groups, self.needs[1:]).items()}


class MaskIntensity:
    """Mean, standard deviation (over n) and maximum of the intensity volume in the voxels of the object.

    The files must be read with ``columns.intensity``. Units are those of the intensity volume.
    """

    needs: tuple[str, ...] = (schema.SOURCE_CLUSTER, *schema.INTENSITIES)

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """Return the columns in 2 or 3 dimensions."""
        meanings = ("mean", "standard deviation", "maximum")
        return tuple(
            Column(_named(name), pl.Float64, "1", f"{meaning} of the intensity of the object")
            for name, meaning in zip(schema.INTENSITIES, meanings, strict=True)
        )

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Take the intensities of the object of each cluster."""
        return {_named(name): values for name, values in _of_objects(groups, self.needs[1:]).items()}


def _named(name: str) -> str:
    """Return the name, among features of clusters, of a measure that is a column of the localisations."""
    return f"object_{name}"


def _of_objects(groups: Groups, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return the values (C,) of the object of each cluster.

    Raises:
        DataError: A cluster holds points of several objects.
    """
    labels, first = groups.extra[schema.SOURCE_CLUSTER], groups.offsets[:-1]
    mixed = (labels != groups.repeat(labels[first])).any()
    if mixed:
        raise DataError(
            "measures of label volumes expected each cluster in one object, found one with points of several "
            f"({schema.SOURCE_CLUSTER} differs); choose clustering=given"
        )
    return {name: groups.extra[name][first].astype(np.float64) for name in names}
