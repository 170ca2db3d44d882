"""How often and how long a cluster is on."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import polars as pl

from locgraph.preparation.features.grouping import Groups
from locgraph.preparation.features.pca import ratio
from locgraph.schema import FRAME, N_FRAMES, Column
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
        self.dark_tolerance = check_whole("features.features.blinking.dark_tolerance", dark_tolerance, at_least=0)

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """The columns that it gives in 2 or 3 dimensions."""
        return (
            Column(BLINKING_EVENTS, pl.Int64, "1", f"times on, {self.dark_tolerance} dark frames tolerated"),
            Column(ON_TIME_MEAN, pl.Float64, "frames", "mean length of an event"),
            Column(DARK_TIME_MEAN, pl.Float64, "frames", "mean time between two events; 0 for one event alone"),
        )

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measures all clusters at once; see :class:`locgraph.preparation.features.base.Feature`."""
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
        """Measures all clusters at once; see :class:`locgraph.preparation.features.base.Feature`."""
        return self._compute(groups, np.maximum(groups.extra[N_FRAMES].astype(np.int64), 1))


@numba.njit(cache=True)
def _events(
    first: np.ndarray, last: np.ndarray, offsets: np.ndarray, tolerance: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Number of events, and frames within and between them, of each cluster (C,) int64.

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
