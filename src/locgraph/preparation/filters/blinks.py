"""Which localisations are one blink: a compiled pass over the frames, with a hash table of where blinks ended."""

from __future__ import annotations

import itertools
from typing import Final, NamedTuple

import numba
import numpy as np

from locgraph.preparation.filters.grid import cell_indices

_NONE: Final = -1
_FACTORS: Final = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], dtype=np.uint64)  # odd, mixed


class Ends(NamedTuple):
    """The localisations seen so far, in buckets by their cells; a named tuple, since compiled functions take those.

    Attributes:
        heads: Newest localisation of each bucket (B,) int32, B a power of 2; -1 for none.
        older: Next older localisation of the same bucket (N,) int32; -1 for none.
        carried_on: Whether the blink went on after this localisation (N,) bool, so that it is no end any more.
    """

    heads: np.ndarray
    older: np.ndarray
    carried_on: np.ndarray


class Blinking(NamedTuple):
    """Localisations of one channel, in the order of their frames.

    Attributes:
        points: Positions (N, D) float64 nm.
        keys: Name of the grid cell that each lies in (N,) uint64; two cells have the same by chance alone.
        steps: Difference of the keys of a cell and of those around it, itself among them (3^D,) uint64.
        first: First frame of each (N,) int64, ascending.
        last: Last frame of each (N,) int64.
        limit: Square of the largest distance between those that join, nm^2.
        dark: Most dark frames between them.
    """

    points: np.ndarray
    keys: np.ndarray
    steps: np.ndarray
    first: np.ndarray
    last: np.ndarray
    limit: float
    dark: int


def find_blinks(points: np.ndarray, first: np.ndarray, last: np.ndarray, distance: float, dark: int) -> np.ndarray:
    """Joins localisations of one channel into blinks, frame by frame.

    Each localisation may carry on one blink that has ended, and each blink be carried on by one localisation of a
    frame. A pair may join where the last localisation of the blink lies within ``distance``, with at most ``dark``
    frames between. Of all such pairs of a frame the nearest joins first, then the nearest of those left; of equally
    near ones that whose localisation, then that whose blink's last localisation, comes first in the order of the rows.

    Args:
        points: Positions (N, D) float64 nm, N at least 1.
        first: First frame of each (N,) int64, ascending.
        last: Last frame of each (N,) int64, not before the first.
        distance: In nm; a distance of exactly this joins.
        dark: Dark frames between, from 0.

    Returns:
        Blink of each localisation (N,) int64, numbered from 0 in the order of their first localisations.
    """
    # an end that is too old is of no use: the table needs place for those of a window of frames alone
    open_at_once = np.searchsorted(first, first + dark, side="right") - np.arange(len(first))
    bits = int(2 * open_at_once.max()).bit_length()
    keys, steps = _keys(cell_indices(points, distance))
    return _join(Blinking(points, keys, steps, first, last, distance**2, dark), bits)


def _keys(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """See `Blinking`. A key is a sum over the axes, so that keys around a cell are found by addition alone."""
    factors = _FACTORS[: cells.shape[1]]
    around = np.array(list(itertools.product((-1, 0, 1), repeat=cells.shape[1])))
    return cells.astype(np.uint64) @ factors, around.astype(np.uint64) @ factors


@numba.njit(cache=True)
def _join(locs: Blinking, bits: int) -> np.ndarray:  # pragma: no cover (compiled)
    """See `find_blinks`."""
    N, shift = len(locs.points), np.uint64(64 - bits)
    ends = Ends(np.full(1 << bits, _NONE, np.int32), np.full(N, _NONE, np.int32), np.zeros(N, np.bool_))
    blinks = np.full(N, _NONE, np.int64)
    pairs = [(0.0, 0, 0)]  # what it holds tells its type
    n_blinks = begin = 0
    while begin < N:
        stop = begin + 1
        while stop < N and locs.first[stop] == locs.first[begin]:
            stop += 1
        pairs.clear()
        for i in range(begin, stop):
            _find_near(locs, ends, i, shift, pairs)
        pairs.sort()
        for _, i, j in pairs:
            if blinks[i] == _NONE and not ends.carried_on[j]:
                blinks[i] = blinks[j]
                ends.carried_on[j] = True
        for i in range(begin, stop):
            if blinks[i] == _NONE:
                blinks[i] = n_blinks
                n_blinks += 1
            bucket = np.int64(locs.keys[i] >> shift)
            ends.older[i] = ends.heads[bucket]
            ends.heads[bucket] = i
        begin = stop
    return blinks


@numba.njit(cache=True)
def _find_near(
    locs: Blinking, ends: Ends, i: int, shift: np.uint64, pairs: list[tuple[float, int, int]]
) -> None:  # pragma: no cover (compiled)
    """Appends the ends that ``i`` may carry on to ``pairs``; takes what is no open end any more out of its bucket."""
    for step in locs.steps:
        key = locs.keys[i] + step
        bucket = np.int64(key >> shift)
        newer, j = _NONE, ends.heads[bucket]
        while j != _NONE:
            older = ends.older[j]
            if not ends.carried_on[j] and locs.first[i] - locs.last[j] - 1 <= locs.dark:
                newer = j
                if locs.keys[j] == key and locs.last[j] < locs.first[i]:
                    squared = _squared_distance(locs.points, i, j)
                    if squared <= locs.limit:
                        pairs.append((squared, i, int(j)))
            elif newer == _NONE:
                ends.heads[bucket] = older
            else:
                ends.older[newer] = older
            j = older


@numba.njit(cache=True)
def _squared_distance(points: np.ndarray, i: int, j: int) -> float:  # pragma: no cover (compiled)
    total = 0.0
    for axis in range(points.shape[1]):
        total += (points[i, axis] - points[j, axis]) ** 2
    return total
