"""Size of a cluster without the blur of localisation."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from locgraph.preparation.features.grouping import Groups
from locgraph.preparation.features.pca import ratio
from locgraph.schema import PRECISION, PRECISION_Z, Column

RADIUS_DECONVOLVED: Final = "radius_deconvolved"
RADIUS_DECONVOLVED_3D: Final = "radius_deconvolved_3d"

_FINEST_NM: Final = 1e-3  # files write 0 for an unknown precision; nothing is localised to a picometre


class DeconvolvedSize:
    """Radius of gyration in x and y, with the localisation error taken out.

    A localisation is a place of the structure plus an error of standard deviation p_i along x and along y
    (``precision``). With weights w_i = 1 / p_i^2, W = sum w_i, and the weighted centre c = sum w_i r_i / W, the
    variance of the places along both axes together is estimated by the method of moments:

        t^2 = (sum w_i |r_i - c|^2 - 2 (n - 1)) / (W - sum w_i^2 / W)

    (DerSimonian and Laird 1986, 10.1016/0197-2456(86)90046-2, summed over the axes), which is right on average whatever
    the precisions. ``radius_deconvolved`` = sqrt(max(t^2, 0)) in nm. Where all precisions are p, it is
    sqrt(sum |r_i - c|^2 / (n - 1) - 2 p^2). In 3D too it is of x and y alone; with z see :class:`DeconvolvedSize3D`.

    0 says that the cluster is no larger than the errors explain; so for coincident localisations and a single one.
    Localisations with a precision below 0.001 nm are left out: files write 0 where it is unknown.
    """

    needs: tuple[str, ...] = (PRECISION,)

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """The columns that it gives in 2 or 3 dimensions."""
        meaning = "radius of gyration in x and y without localisation error"
        return (Column(RADIUS_DECONVOLVED, pl.Float64, "nm", meaning),)

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measures all clusters at once; see :class:`locgraph.preparation.features.base.Feature`."""
        squared = true_variance(groups, groups.centred[:, :2], groups.extra[PRECISION])
        return {RADIUS_DECONVOLVED: np.sqrt(np.maximum(squared, 0.0))}


class DeconvolvedSize3D:
    """Radius of gyration in x, y and z, with the localisation error taken out.

    As :class:`DeconvolvedSize`, with t^2 of x and y from ``precision``, and that of z from ``precision_z`` (one axis,
    so n - 1 in place of 2 (n - 1)): ``radius_deconvolved_3d`` = sqrt(max(t_xy^2 + t_z^2, 0)) in nm. It gives no column
    in 2D.
    """

    needs: tuple[str, ...] = (PRECISION, PRECISION_Z)

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """The columns that it gives in 2 or 3 dimensions."""
        meaning = "radius of gyration without localisation error"
        return (Column(RADIUS_DECONVOLVED_3D, pl.Float64, "nm", meaning),) if dimensions == 3 else ()

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measures all clusters at once; see :class:`locgraph.preparation.features.base.Feature`."""
        if groups.dimensions == 2:
            return {}
        squared = true_variance(groups, groups.centred[:, :2], groups.extra[PRECISION])
        squared += true_variance(groups, groups.centred[:, 2:], groups.extra[PRECISION_Z])
        return {RADIUS_DECONVOLVED_3D: np.sqrt(np.maximum(squared, 0.0))}


def true_variance(groups: Groups, positions: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """Variance of the places of each cluster without the errors, over the given axes together.

    Args:
        groups: N localisations of C clusters.
        positions: Positions along A axes (N, A) nm, relative to the centre of the cluster.
        precision: Standard deviation of the error along each of these axes (N,) nm.

    Returns:
        Variances (C,) nm^2, negative where positions scatter less than their errors; 0 where fewer than two
        localisations have a precision.
    """
    known = precision >= _FINEST_NM
    weights = np.where(known, 1.0, 0.0) / np.square(np.where(known, precision, 1.0))
    total = groups.sums(weights)
    centre = groups.sums(weights[:, None] * positions) / np.where(total > 0, total, 1.0)[:, None]
    offsets = positions - groups.spread(centre)
    scatter = groups.sums(weights * np.einsum("na,na->n", offsets, offsets))
    freedom = np.maximum(groups.sums(known) - 1, 0)
    # W - sum w_i^2 / W, as a sum without a difference of large numbers
    others = groups.sums(weights * (groups.spread(total) - weights))
    return ratio((scatter - positions.shape[1] * freedom) * total, np.where(freedom > 0, others, 0.0))
