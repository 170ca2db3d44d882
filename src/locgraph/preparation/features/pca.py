"""Shape of a cluster from the principal axes of its localisations."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from locgraph.preparation.features.grouping import Groups
from locgraph.schema import Column

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
        """The columns that it gives in 2 or 3 dimensions."""
        length = Column(LENGTH_PCA, pl.Float64, "nm", "full width at half maximum along the first principal axis")
        linear = Column(LINEARITY, pl.Float64, "1", "0 round, 1 on a line")
        if dimensions == 2:
            return (
                linear,
                length,
                Column(AREA_PCA, pl.Float64, "nm^2", "product of the full widths along both principal axes"),
                Column(DENSITY_PCA, pl.Float64, "1/nm^2", "localisations per area_pca"),
            )
        return (
            linear,
            Column(PLANARITY, pl.Float64, "1", "0 round or on a line, 1 a disc"),
            length,
            Column(VOLUME_PCA, pl.Float64, "nm^3", "product of the full widths along the three principal axes"),
            Column(DENSITY_PCA, pl.Float64, "1/nm^3", "localisations per volume_pca"),
        )

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measures all clusters at once; see :class:`locgraph.preparation.features.base.Feature`."""
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
    """Standard deviations along the principal axes (C, D) nm, largest first; 0 where they are rounding alone."""
    deviations, _ = groups.once(principal_axes)
    return np.where(deviations > groups.thinnest(deviations[:, 0])[:, None], deviations, 0.0)


def principal_axes(groups: Groups) -> tuple[np.ndarray, np.ndarray]:
    """Standard deviations along the principal axes of each cluster, and the axes.

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
    along = np.einsum("nd,nde->ne", groups.centred, groups.spread(axes))
    deviations = np.sqrt(groups.sums(along * along) / freedom)
    order = np.argsort(-deviations, axis=1, kind="stable")
    return np.take_along_axis(deviations, order, axis=1), np.take_along_axis(axes, order[:, None, :], axis=2)


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """``numerator / denominator`` (C,), and 0 where the denominator is 0."""
    return np.divide(numerator, denominator, out=np.zeros(len(denominator)), where=denominator > 0)
