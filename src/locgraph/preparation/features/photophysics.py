"""Blinking, photons and localisation precision of clusters."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import polars as pl

from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.shape import ratio
from locgraph.schema import FRAME, LOG, LOG1P, N_FRAMES, PHOTONS, PRECISION, PRECISION_Z, Column
from locgraph.settings import check_whole

BLINKING_EVENTS: Final = "blinking_events"
ON_TIME_MEAN: Final = "on_time_mean"
DARK_TIME_MEAN: Final = "dark_time_mean"


class Blinking:
    """Events in which a cluster is on, and the dark times between them.

    A cluster is on in every frame (``frame``) with at least one of its localisations. On-frames with at most
    ``dark_tolerance`` dark frames between them are one event, as where blinks of one fluorophore are joined (the dark
    time t_d of Annibale et al. 2011, 10.1371/journal.pone.0022678). ``blinking_events`` is their number, without unit;
    ``on_time_mean`` the mean length of an event from its first to its last frame, in frames (at least 1);
    ``dark_time_mean`` the mean number of frames between an event and the next, 0 where there is one event alone.

    Places do not matter, so that a cluster of several molecules counts as one that blinks more often. Defined for any
    cluster. For data in which the blinks are merged already see :class:`MergedBlinking`.

    Args:
        dark_tolerance: Dark frames within an event. Larger joins more events; 0 ends an event with any dark frame.

    Raises:
        ConfigError: ``dark_tolerance`` is no integer of at least 0.
    """

    needs: tuple[str, ...] = (FRAME,)

    def __init__(self, dark_tolerance: int) -> None:
        self.dark_tolerance = check_whole("dark_tolerance", dark_tolerance, at_least=0)

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """Return the columns in 2 or 3 dimensions."""
        return (
            Column(BLINKING_EVENTS, pl.Int64, "1", f"times on, {self.dark_tolerance} dark frames tolerated", LOG),
            Column(ON_TIME_MEAN, pl.Float64, "frames", "mean length of an event", LOG),
            Column(DARK_TIME_MEAN, pl.Float64, "frames", "mean time between two events; 0 for one event alone", LOG1P),
        )

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measure all clusters at once."""
        return self._compute(groups, np.ones(len(groups.order), dtype=np.int64))

    def _compute(self, groups: Groups, lengths: np.ndarray) -> dict[str, np.ndarray]:
        first = groups.extra[FRAME].astype(np.int64)
        order = np.lexsort((first, groups.clusters))
        first, last = first[order], (first + lengths - 1)[order]
        events, on, dark = _events(first, last, groups.offsets, self.dark_tolerance)
        return {
            BLINKING_EVENTS: events.astype(np.float64),
            ON_TIME_MEAN: ratio(on, events),
            DARK_TIME_MEAN: ratio(dark, events - 1),
        }


class MergedBlinking(Blinking):
    """The same as :class:`Blinking` where the source has merged blinks: each localisation stays on for ``n_frames``.

    A localisation is on from ``frame`` on, for ``n_frames`` frames (at least 1). The columns are those of
    :class:`Blinking`, of which it takes the place.
    """

    needs: tuple[str, ...] = (FRAME, N_FRAMES)

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measure all clusters at once."""
        return self._compute(groups, np.maximum(groups.extra[N_FRAMES].astype(np.int64), 1))


@numba.njit(cache=True)
def _events(
    first: np.ndarray, last: np.ndarray, offsets: np.ndarray, tolerance: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the number of events, and frames within and between them, of each cluster (C,) int64.

    Args:
        first: First frame of each localisation (N,) int64, sorted by cluster, then by itself.
        last: Last frame of each (N,) int64.
        offsets: First row of each cluster, and N at the end (C + 1,) int64.
        tolerance: Dark frames within an event.
    """
    C = offsets.shape[0] - 1
    events, on, dark = np.zeros(C, dtype=np.int64), np.zeros(C, dtype=np.int64), np.zeros(C, dtype=np.int64)
    for cluster in range(C):
        start = end = first[offsets[cluster]]
        events[cluster] = 1
        for row in range(offsets[cluster], offsets[cluster + 1]):
            gap = first[row] - end - 1
            if gap > tolerance:
                on[cluster] += end - start + 1
                dark[cluster] += gap
                events[cluster] += 1
                start = first[row]
            end = max(end, last[row])
        on[cluster] += end - start + 1
    return events, on, dark


PHOTONS_MEAN: Final = "photons_mean"
PHOTONS_MEDIAN: Final = "photons_median"
PHOTONS_TOTAL: Final = "photons_total"


class Photons:
    """Photons of the localisations.

    With N_i the photons of localisation i (``photons``): ``photons_mean`` = sum N_i / n, ``photons_median`` the median
    of the N_i, ``photons_total`` = sum N_i, all in photons. Defined for any cluster.
    """

    needs: tuple[str, ...] = (PHOTONS,)

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """Return the columns in 2 or 3 dimensions."""
        return (
            Column(PHOTONS_MEAN, pl.Float64, "photons", "mean photons of the localisations", LOG),
            Column(PHOTONS_MEDIAN, pl.Float64, "photons", "median photons of the localisations", LOG),
            Column(PHOTONS_TOTAL, pl.Float64, "photons", "photons of all localisations together", LOG),
        )

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measure all clusters at once."""
        photons = groups.extra[PHOTONS]
        return {
            PHOTONS_MEAN: groups.means(photons),
            PHOTONS_MEDIAN: groups.medians(photons),
            PHOTONS_TOTAL: groups.sums(photons),
        }


PRECISION_MEAN: Final = "precision_mean"


class Precision:
    """Lateral localisation precision.

    With p_i the precision of localisation i (``precision``): ``precision_mean`` = sum p_i / n in nm. Defined for any
    cluster.
    """

    needs: tuple[str, ...] = (PRECISION,)

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """Return the columns in 2 or 3 dimensions."""
        return (Column(PRECISION_MEAN, pl.Float64, "nm", "mean lateral localisation precision", LOG),)

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measure all clusters at once."""
        return {PRECISION_MEAN: groups.means(groups.extra[PRECISION])}


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

    0 means that the cluster is no larger than the errors explain; so for coincident localisations and a single one.
    Localisations with a precision below 0.001 nm are left out: files write 0 where it is unknown.
    """

    needs: tuple[str, ...] = (PRECISION,)

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """Return the columns in 2 or 3 dimensions."""
        meaning = "radius of gyration in x and y without localisation error"
        return (Column(RADIUS_DECONVOLVED, pl.Float64, "nm", meaning),)

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measure all clusters at once."""
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
        """Return the columns in 2 or 3 dimensions."""
        meaning = "radius of gyration without localisation error"
        return (Column(RADIUS_DECONVOLVED_3D, pl.Float64, "nm", meaning),) if dimensions == 3 else ()

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measure all clusters at once."""
        if groups.dimensions == 2:
            return {}
        squared = true_variance(groups, groups.centred[:, :2], groups.extra[PRECISION])
        squared += true_variance(groups, groups.centred[:, 2:], groups.extra[PRECISION_Z])
        return {RADIUS_DECONVOLVED_3D: np.sqrt(np.maximum(squared, 0.0))}


def true_variance(groups: Groups, positions: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """Return the variance of the places of each cluster without the errors, over the given axes together.

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
    offsets = positions - groups.repeat(centre)
    scatter = groups.sums(weights * np.einsum("na,na->n", offsets, offsets))
    freedom = np.maximum(groups.sums(known) - 1, 0)
    # W - sum w_i^2 / W, as a sum without a difference of large numbers
    others = groups.sums(weights * (groups.repeat(total) - weights))
    return ratio((scatter - positions.shape[1] * freedom) * total, np.where(freedom > 0, others, 0.0))
