"""Size and shape of clusters from the moments of their localisations."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from locgraph.preparation.features.base import Groups
from locgraph.schema import COUNT, LOG, Column, centre_columns

RADIUS_OF_GYRATION: Final = "radius_of_gyration"


class Size:
    """Number, centre of mass and radius of gyration.

    ``count`` is the number n of localisations. ``x_mean``, ``y_mean`` (``z_mean``) are their mean position. With r_i
    the positions relative to it, ``radius_of_gyration`` is sqrt(sum |r_i|^2 / n), in nm: the root of the mean squared
    distance, not its square, over n and not n - 1 (IUPAC, 10.1351/goldbook.R05121, with equal masses). It is 0 for one
    localisation and for coincident ones.
    """

    needs: tuple[str, ...] = ()

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """Return the columns in 2 or 3 dimensions."""
        return (
            Column(COUNT, pl.Int64, "1", "localisations in the cluster", LOG),
            *(Column(name, pl.Float64, "nm", "centre of mass") for name in centre_columns(dimensions)),
            Column(
                RADIUS_OF_GYRATION, pl.Float64, "nm", "root of the mean squared distance to the centre of mass", LOG
            ),
        )

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measure all clusters at once."""
        squared = groups.sums(np.einsum("nd,nd->n", groups.centred, groups.centred))
        values = {COUNT: groups.counts.astype(np.float64), RADIUS_OF_GYRATION: np.sqrt(squared / groups.counts)}
        return values | dict(zip(centre_columns(groups.dimensions), groups.centres.T, strict=True))


LINEARITY: Final = "linearity"
PLANARITY: Final = "planarity"
LENGTH_PCA: Final = "length_pca"
AREA_PCA: Final = "area_pca"
VOLUME_PCA: Final = "volume_pca"
DENSITY_PCA: Final = "density_pca"

FWHM_PER_SIGMA: Final = 2.35
"""Full width at half maximum of a Gaussian per standard deviation, rounded as in the source of ``length_pca``."""


class PCA:
    """Principal component analysis of the positions.

    s0 >= s1 (>= s2), in nm, are the standard deviations along the principal axes: roots of the eigenvalues of the
    sample covariance (over n - 1). With them

    - ``linearity`` = (s0 - s1) / s0, without unit; in 3D also ``planarity`` = (s1 - s2) / s0
      (10.5194/isprsarchives-XXXVIII-5-W12-97-2011). In 2D the latter would be 1 - linearity, so it is left out.
    - ``length_pca`` = 2.35 s0 in nm; in 2D ``area_pca`` = 2.35^2 s0 s1 in nm^2; in 3D ``volume_pca`` = 2.35^3 s0 s1 s2
      in nm^3 (10.1073/pnas.0908971106: the full width at half maximum of a Gaussian).
    - ``density_pca`` = n / ``area_pca`` in 1/nm^2, in 3D n / ``volume_pca`` in 1/nm^3.

    Coincident localisations, and a single one: all 0. Collinear ones: linearity 1, area, volume and density 0. Coplanar
    ones in 3D: volume and density 0. Widths that are rounding alone (:meth:`Groups.thinnest`) count as 0.
    """

    needs: tuple[str, ...] = ()

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """Return the columns in 2 or 3 dimensions."""
        length = Column(LENGTH_PCA, pl.Float64, "nm", "full width at half maximum along the first principal axis", LOG)
        linear = Column(LINEARITY, pl.Float64, "1", "0 round, 1 on a line")
        if dimensions == 2:
            return (
                linear,
                length,
                Column(AREA_PCA, pl.Float64, "nm^2", "product of the full widths along both principal axes", LOG),
                Column(DENSITY_PCA, pl.Float64, "1/nm^2", "localisations per area_pca", LOG),
            )
        return (
            linear,
            Column(PLANARITY, pl.Float64, "1", "0 round or on a line, 1 a disc"),
            length,
            Column(VOLUME_PCA, pl.Float64, "nm^3", "product of the full widths along the three principal axes", LOG),
            Column(DENSITY_PCA, pl.Float64, "1/nm^3", "localisations per volume_pca", LOG),
        )

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measure all clusters at once."""
        deviations = clear_deviations(groups)
        widths = FWHM_PER_SIGMA * deviations
        s0, s1 = deviations[:, 0], deviations[:, 1]
        values = {LINEARITY: ratio(s0 - s1, s0), LENGTH_PCA: widths[:, 0]}
        size = widths.prod(axis=1)
        values[AREA_PCA if groups.dimensions == 2 else VOLUME_PCA] = size
        values[DENSITY_PCA] = ratio(groups.counts, size)
        if groups.dimensions == 3:
            values[PLANARITY] = ratio(s1 - deviations[:, 2], s0)
        return values


def clear_deviations(groups: Groups) -> np.ndarray:
    """Return the standard deviations along the principal axes (C, D) nm, largest first; 0 where all is rounding."""
    deviations, _ = groups.once(principal_axes)
    return np.where(deviations > groups.thinnest(deviations[:, 0])[:, None], deviations, 0.0)


def principal_axes(groups: Groups) -> tuple[np.ndarray, np.ndarray]:
    """Return the standard deviations along the principal axes of each cluster, and the axes.

    The eigenvectors of the covariance are exact to rounding, but its small eigenvalues are not: their error is in
    proportion to the largest one. So the deviations are measured again, along the eigenvectors. Take it by
    :meth:`Groups.once`.

    Args:
        groups: The localisations of C clusters.

    Returns:
        Sample standard deviations (C, D) float64 nm, largest first, and unit vectors (C, D, D) in the columns of the
        last two axes, in the same order.
    """
    D = groups.dimensions
    freedom = np.maximum(groups.counts - 1, 1)[:, None]
    pairs = [(i, j) for i in range(D) for j in range(i, D)]
    moments = groups.sums(np.stack([groups.centred[:, i] * groups.centred[:, j] for i, j in pairs], axis=1)) / freedom
    covariances = np.empty((len(moments), D, D))
    for k, (i, j) in enumerate(pairs):
        covariances[:, i, j] = covariances[:, j, i] = moments[:, k]
    _, axes = np.linalg.eigh(covariances)
    along = np.einsum("nd,nde->ne", groups.centred, groups.repeat(axes))
    deviations = np.sqrt(groups.sums(along * along) / freedom)
    order = np.argsort(-deviations, axis=1, kind="stable")
    return np.take_along_axis(deviations, order, axis=1), np.take_along_axis(axes, order[:, None, :], axis=2)


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Return ``numerator / denominator`` (C,), and 0 where the denominator is 0."""
    return np.divide(numerator, denominator, out=np.zeros(len(denominator)), where=denominator > 0)


ECCENTRICITY: Final = "eccentricity"


class Ellipse:
    """Eccentricity of the ellipse whose half-axes are the cluster's standard deviations.

    With s0 >= s1 the standard deviations along the first two principal axes, in nm (over n - 1, as in
    `PCA`), ``eccentricity`` = sqrt(1 - s1^2 / s0^2), without unit: the eccentricity of a
    conic section, 0 round, 1 on a line. In 3D it is that of the section through the two longest axes.

    It grows with ``linearity``, but separates shapes that are almost round, and hardly those that are almost a line.
    Ratios with the third axis in 3D follow from ``linearity`` and ``planarity``, so they are left out; for the
    direction see :class:`Orientation`.

    Coincident localisations, and a single one: 0. Collinear ones: 1. Widths that are rounding alone
    (:meth:`Groups.thinnest`) count as 0.
    """

    needs: tuple[str, ...] = ()

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """Return the columns in 2 or 3 dimensions."""
        return (Column(ECCENTRICITY, pl.Float64, "1", "0 round, 1 on a line"),)

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measure all clusters at once."""
        s0, s1 = clear_deviations(groups).T[:2]
        # (s0 - s1) (s0 + s1) and not s0^2 - s1^2, which cancels for clusters that are almost round
        return {ECCENTRICITY: np.sqrt(ratio((s0 - s1) * (s0 + s1), s0 * s0))}


ORIENTATION: Final = "orientation"
INCLINATION: Final = "inclination"

_ROUND: Final = 1e-6  # difference of two axes, per length, below which rounding decides where they point
_NO_ANGLE: Final = 1e-9  # rad: so close to pi an angle is 0


class Orientation:
    """Direction of the first principal axis. **Not invariant under rotation**: it turns with the field of view.

    ``orientation`` is the angle of the axis to x, towards y, in rad, from 0 up to pi, which is 0 again: an axis has no
    front end. In 3D it is that of the axis seen along z, and ``inclination`` is the angle between the axis and z, from
    0 to pi / 2 rad. The axis is the eigenvector of the largest eigenvalue of the covariance.

    Augmentation by rotation turns positions and not features, so that this feature would be wrong: use it without
    augmentation, where directions on the coverslip have a meaning.

    0 stands for no direction: coincident localisations, a single one, the first two principal axes of the same length
    (up to 10^-6 of it); and for ``orientation`` in 3D an axis along z (up to 10^-6 rad).
    """

    needs: tuple[str, ...] = ()

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """Return the columns in 2 or 3 dimensions."""
        angle = Column(ORIENTATION, pl.Float64, "rad", "angle of the first principal axis to x, seen along z")
        if dimensions == 2:
            return (angle,)
        return (angle, Column(INCLINATION, pl.Float64, "rad", "angle of the first principal axis to z"))

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measure all clusters at once."""
        deviations, axes = groups.once(principal_axes)
        s0, s1 = deviations.T[:2]
        directed = s0 - s1 > np.maximum(_ROUND * s0, groups.thinnest(s0))
        axis = axes[:, :, 0]
        across = np.hypot(axis[:, 0], axis[:, 1])
        angle = np.mod(np.arctan2(axis[:, 1], axis[:, 0]), np.pi)
        # an angle that is 0 but for its rounding may come out as just below pi
        seen = directed & (across > _ROUND) & (angle < np.pi - _NO_ANGLE)
        values = {ORIENTATION: np.where(seen, angle, 0.0)}
        if groups.dimensions == 3:
            values[INCLINATION] = np.where(directed, np.arctan2(across, np.abs(axis[:, 2])), 0.0)
        return values
