"""Merging of repeated blinks: localisations of one molecule in successive frames become one."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final, NamedTuple

import numba
import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.preparation.filters.base import cell_indices, positions
from locgraph.settings import check_length, check_whole

_SUMMED = (schema.PHOTONS, schema.N_FRAMES)
_PRECISIONS = (schema.PRECISION, schema.PRECISION_Z)
_MOST_DARK = 2**40


class MergeBlinks:
    """Filter that makes one localisation of those that repeat each other in successive frames.

    The merging of ThunderSTORM (Ovesny et al. 2014, 10.1093/bioinformatics/btu202), where a localisation carries on a
    blink whose last localisation is near. For the pairs that join see `find_blinks`; they
    depend neither on the order of the rows nor on a random draw. Channels are never mixed.

    The merged localisation stands where the first one stood, and has

    - the mean position, weighted by 1 / precision^2 (z: ``precision_z``, where it is there), without precision by
      photons, without both plainly;
    - the sum of photons; as precision that of the weighted mean, 1 / sqrt(sum of 1 / precision^2);
    - the frame of the first, and in ``n_frames`` the number of frames that it was on: the sum of those given, or of
      ones; a localisation with ``n_frames`` is taken to be on from its frame for so many;
    - of other whole numbers (label, channel, ...) that of the first, and of other numbers the mean.

    Args:
        distance_nm: Largest distance between successive localisations of a blink in nm, itself included. Larger merges
            more; within four times the precision lie 98 in 100.
        dark_frames: Frames that a blink may be dark between. 0 merges successive frames alone; larger merges more.

    Raises:
        ConfigError: A setting is out of range.
    """

    needs = (schema.FRAME,)

    def __init__(self, distance_nm: float, dark_frames: int) -> None:
        self.distance_nm = check_length("distance_nm", distance_nm)
        self.dark_frames = min(check_whole("dark_frames", dark_frames, at_least=0), _MOST_DARK)

    def __call__(self, table: pl.DataFrame, dimensions: int) -> pl.DataFrame:
        """Return the localisations, repeated ones merged, with the column ``n_frames``.

        Raises:
            DataError: A precision, or without precision a number of photons, is 0 and gives no weight.
        """
        if schema.N_FRAMES not in table.columns:
            table = table.with_columns(pl.lit(1, pl.Int64).alias(schema.N_FRAMES))
            table = table.select(name for name in schema.LOCALISATION_COLUMNS if name in table.columns)
        # all columns: then rows are in the same order whatever the order of the file, but for rows that are equal
        key = [name for name in (schema.CHANNEL, schema.FRAME) if name in table.columns]
        order = table.select(pl.arg_sort_by(list(dict.fromkeys([*key, *table.columns])))).to_series().to_numpy()
        blinks = self._blinks(table, dimensions, order)
        return _merge(table, _group_rows(order, blinks))

    def _blinks(self, table: pl.DataFrame, dimensions: int, order: np.ndarray) -> np.ndarray:
        """Return the blink of each localisation in ``order``, numbered across the channels (N,) int64."""
        points = positions(table, dimensions)[order]
        first = table[schema.FRAME].to_numpy()[order]
        last = first + np.maximum(table[schema.N_FRAMES].to_numpy()[order], 1) - 1
        bounds = [0, len(order)]
        if schema.CHANNEL in table.columns:
            channel = table[schema.CHANNEL].to_numpy()[order]
            bounds[1:1] = (np.flatnonzero(np.diff(channel)) + 1).tolist()
        blinks = np.empty(len(order), dtype=np.int64)
        n_blinks = 0
        for begin, end in itertools.pairwise(bounds):
            part = slice(begin, end)
            blinks[part] = find_blinks(points[part], first[part], last[part], self.distance_nm, self.dark_frames)
            blinks[part] += n_blinks
            n_blinks = int(blinks[part].max()) + 1
        return blinks


@dataclass(frozen=True)
class _Groups:
    """The merged localisations, G of them, and what they are made of.

    Attributes:
        rows: Rows that stay (K,), ascending: the first of each blink.
        places: Which of ``rows`` are merged ones (G,).
        members: Rows that are merged (M,), sorted by frame within each group.
        owner: Group of each of ``members`` (M,).
    """

    rows: np.ndarray
    places: np.ndarray
    members: np.ndarray
    owner: np.ndarray

    def total(self, values: np.ndarray) -> np.ndarray:
        """Return the sum over the members of each group (G,)."""
        return np.bincount(self.owner, weights=values, minlength=len(self.places))


def _group_rows(order: np.ndarray, blinks: np.ndarray) -> _Groups:
    n_blinks = int(blinks.max()) + 1
    first = np.empty(n_blinks, dtype=np.int64)
    first[blinks[::-1]] = order[::-1]  # of repeated indices the last assignment stays: the earliest frame
    by_row = np.argsort(first)
    several = (np.bincount(blinks, minlength=n_blinks) > 1)[by_row]
    owner = np.full(n_blinks, -1, dtype=np.int64)
    owner[by_row[several]] = np.arange(several.sum())
    repeated = owner[blinks] >= 0
    return _Groups(first[by_row], np.flatnonzero(several), order[repeated], owner[blinks[repeated]])


def _merge(table: pl.DataFrame, groups: _Groups) -> pl.DataFrame:
    kept = table[groups.rows]
    if not len(groups.places):
        return kept
    parts = table[groups.members]
    changed = []
    for name in table.columns:
        column = schema.LOCALISATION_COLUMNS[name]
        if column.dtype != pl.Float64 and name not in _SUMMED:
            continue
        values = kept[name].to_numpy(writable=True)
        values[groups.places] = _combine(name, values[groups.places], parts, groups)
        changed.append(pl.Series(name, values))
    return kept.with_columns(changed)


def _combine(name: str, first: np.ndarray, parts: pl.DataFrame, groups: _Groups) -> np.ndarray:
    """Return the values of one column for the merged localisations (G,); ``first`` (G,) are those of first members."""
    values = parts[name].to_numpy()
    if name in _SUMMED:
        return groups.total(values)
    if name in _PRECISIONS:
        return 1.0 / np.sqrt(groups.total(_inverse_variance(name, parts)))
    weights = _weights(name, parts) if name in schema.position_columns(3) else np.ones(len(values))
    # from the first: the sums stay small, and exact far from the origin
    return first + groups.total(weights * (values - first[groups.owner])) / groups.total(weights)


def _weights(axis: str, parts: pl.DataFrame) -> np.ndarray:
    if axis == schema.Z and schema.PRECISION_Z in parts.columns:
        return _inverse_variance(schema.PRECISION_Z, parts)
    if schema.PRECISION in parts.columns:
        return _inverse_variance(schema.PRECISION, parts)
    if schema.PHOTONS in parts.columns:
        return _positive(schema.PHOTONS, parts)
    return np.ones(parts.height)


def _inverse_variance(name: str, parts: pl.DataFrame) -> np.ndarray:
    return 1.0 / _positive(name, parts) ** 2


def _positive(name: str, parts: pl.DataFrame) -> np.ndarray:
    values = parts[name].to_numpy()
    bad = int((values <= 0).sum())
    if bad:
        raise DataError(
            f"expected {name} above 0 as the weight of localisations that are merged, found {bad} of {len(values)} "
            f"that are not; take them out before, with limits on {name}, or leave {name} out of the columns"
        )
    return values


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
    """Join localisations of one channel into blinks, frame by frame.

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
    pairs = [(0.0, 0, 0)]  # gives the list its type
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
    """Append the ends that ``i`` may carry on to ``pairs``, and take those that are closed out of their buckets."""
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
