"""Nodes of localisations in levels: each localisation is in one node, and each level is an even sample of its box.

The scheme is additive, as that of Potree (Schütz 2016, Potree: Rendering Large Point Clouds in Web Browsers): a coarse
node is drawn together with all below it, and nothing is sent twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

MOST_ROWS: Final = 65_536
"""Largest number of localisations in a node."""

_CELL_BITS: Final = {2: 8, 3: 5}
"""Binary digits of a cell within its node along each axis: 256 x 256, or 32 x 32 x 32 cells."""

_BITS: Final = {2: 31, 3: 20}
"""Binary digits of a position along each axis; those of all axes fit into 64."""

_SPREAD_2D: Final = (
    (16, 0x0000FFFF0000FFFF),
    (8, 0x00FF00FF00FF00FF),
    (4, 0x0F0F0F0F0F0F0F0F),
    (2, 0x3333333333333333),
    (1, 0x5555555555555555),
)
_SPREAD_3D: Final = (
    (32, 0x001F00000000FFFF),
    (16, 0x001F0000FF0000FF),
    (8, 0x100F00F00F00F00F),
    (4, 0x10C30C30C30C30C3),
    (2, 0x1249249249249249),
)
_SPREAD: Final = {2: _SPREAD_2D, 3: _SPREAD_3D}
"""Steps that put the digits of a number 2 or 3 places apart: shift, and the digits that stay."""

_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Nodes:
    """The nodes of M localisations, a coarse one before those below it.

    Attributes:
        order: (M,) uint32, row of the localisation at each place, node after node.
        first: (n + 1,) int64, place of the first localisation of each node, and M at the end.
        level: (n,) int64, 0 for the root.
        parent: (n,) int64, -1 for the root.
        spacing: (n,) float64, side of the cells of which a node holds a sample, in the unit of the positions.
    """

    order: np.ndarray
    first: np.ndarray
    level: np.ndarray
    parent: np.ndarray
    spacing: np.ndarray

    def __len__(self) -> int:
        return len(self.level)


def make_nodes(axes: list[np.ndarray], most_rows: int = MOST_ROWS) -> Nodes:
    """Put localisations into nodes.

    The box of a node is a grid of cells. The node takes the same number of localisations of each cell, or all where
    there are fewer: the largest number at which the node is not too large. What is left goes to the nodes below, each
    of which has a quarter (2D) or an eighth (3D) of the box, until all that is left fits into one. An inner node is at
    least half full, also where all localisations are at one position, so there are at most about
    ``2 * 2^D * M / most_rows`` nodes. The order of the input does not matter, but for equal positions.

    Args:
        axes: Coordinates (M,) along 2 or 3 axes, finite.
        most_rows: Largest number of localisations in a node, at least the number of cells.

    Returns:
        The nodes; one without localisations where there are none.
    """
    dimensions = len(axes)
    codes, side = _codes(axes)
    order = np.argsort(codes)
    codes = codes[order]
    order = order.astype(np.uint32)
    parts: list[np.ndarray] = []
    levels: list[int] = []
    parents: list[int] = []
    waiting = deque([(0, -1, order, codes)])
    while waiting:
        level, parent, rows, codes = waiting.popleft()
        node = len(levels)
        levels.append(level)
        parents.append(parent)
        taken = _sample(codes, level, dimensions, most_rows)
        parts.append(rows[taken])
        rows, codes = rows[~taken], codes[~taken]
        for start, end in _divide(codes, level, dimensions):
            waiting.append((level + 1, node, rows[start:end], codes[start:end]))
    return Nodes(
        order=np.concatenate(parts),
        first=np.append(0, np.cumsum([len(part) for part in parts])),
        level=np.array(levels),
        parent=np.array(parents),
        spacing=side / 2.0 ** (np.array(levels) + _CELL_BITS[dimensions]),
    )


def _codes(axes: list[np.ndarray]) -> tuple[np.ndarray, float]:
    """Return the place of each localisation on a curve through all cells of all levels, and the side of the root.

    The curve is that of Morton (1966): the binary digits of all axes in turn.
    """
    dimensions, size = len(axes), len(axes[0])
    codes = np.zeros(size, dtype=np.uint64)
    if not size:
        return codes, 1.0
    lows = [float(axis.min()) for axis in axes]
    side = max(float(axis.max()) - low for axis, low in zip(axes, lows, strict=True)) or 1.0
    bits = _BITS[dimensions]
    for place, (axis, low) in enumerate(zip(axes, lows, strict=True)):
        digits = np.minimum((axis - low) / side * 2.0**bits, 2.0**bits - 1).astype(np.uint64)
        for shift, kept in _SPREAD[dimensions]:
            digits |= digits << np.uint64(shift)
            digits &= np.uint64(kept)
        digits <<= np.uint64(place)
        codes |= digits
    return codes, side


def _sample(codes: np.ndarray, level: int, dimensions: int, most_rows: int) -> np.ndarray:
    """Return which localisations a node takes (N,) bool, of those of its box, sorted by code."""
    if len(codes) <= most_rows:
        return np.ones(len(codes), dtype=bool)
    shift = max(_BITS[dimensions] - level - _CELL_BITS[dimensions], 0) * dimensions
    starts, ends = _runs(codes >> np.uint64(shift))
    counts = ends - starts
    # number of cells with at least 1, 2, ... localisations: their running sum is what each number of them would take
    at_least = np.bincount(np.minimum(counts, most_rows))[::-1].cumsum()[::-1][1:]
    most = max(int(np.searchsorted(np.cumsum(at_least), most_rows, side="right")), 1)
    wanted = np.minimum(counts, most)
    # evenly along the curve through a cell, from a start that differs between cells: no pattern, and no chance
    rank = np.arange(wanted.sum()) - np.repeat(np.cumsum(wanted) - wanted, wanted)
    offset = ((codes[starts] >> np.uint64(shift)) * _MIX >> np.uint64(40)).astype(np.float64) / 2.0**24
    steps = ((rank + np.repeat(offset, wanted)) * np.repeat(counts / wanted, wanted)).astype(np.int64)
    taken = np.zeros(len(codes), dtype=bool)
    taken[np.repeat(starts, wanted) + np.minimum(steps, np.repeat(counts, wanted) - 1)] = True
    return taken


def _divide(codes: np.ndarray, level: int, dimensions: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of the rows of each part of a box that holds any; of one where no digits are left."""
    if len(codes):
        shift = max(_BITS[dimensions] - level - 1, 0) * dimensions
        starts, ends = _runs(codes >> np.uint64(shift))
        yield from zip(starts.tolist(), ends.tolist(), strict=True)


def _runs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return start and end of each run of equal ones among sorted values (N,), N >= 1."""
    changes = np.flatnonzero(values[1:] != values[:-1]) + 1
    return np.append(0, changes), np.append(changes, len(values))


def bounds(position: np.ndarray, nodes: Nodes) -> np.ndarray:
    """Return the smallest box around the localisations of each node and of all below it.

    Args:
        position: Positions (M, D) in the order of the nodes, M >= 1.
        nodes: The nodes.

    Returns:
        (n, 2, D): smallest and largest coordinates, of the type of the positions.
    """
    low = np.minimum.reduceat(position, nodes.first[:-1], axis=0)
    high = np.maximum.reduceat(position, nodes.first[:-1], axis=0)
    for node in range(len(nodes) - 1, 0, -1):  # the nodes below come after
        parent = nodes.parent[node]
        low[parent] = np.minimum(low[parent], low[node])
        high[parent] = np.maximum(high[parent], high[node])
    return np.stack([low, high], axis=1)
