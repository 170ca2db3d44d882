"""Masks of brushes: the run-length code of Label Studio, and the outline of a mask as one line.

The code is that of https://github.com/thi-ng/umbrella/tree/develop/packages/rle-pack, bit by bit, largest first: 32
bits, the number of values; 5 bits, the size of a value less 1; four times 4 bits, the sizes of counts less 1; then,
until all values are there: 1 bit, whether one value repeats; 2 bits, which of the four sizes; the count less 1 in that
size; one value, or as many as counted. Values are the bytes of RGBA pixels, row by row; alpha is the mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from locgraph.errors import DataError

_CHANNELS: Final = 4
_VALUE_BITS: Final = 8
_COUNT_BITS: Final = (3, 4, 8, 16)
_PAINTED: Final = 255


def decode_mask(code: object, width: int, height: int) -> np.ndarray:
    """Return the mask (height, width) bool that a run-length code of Label Studio holds: where alpha is not 0.

    Raises:
        DataError: It is no such code, or that of a picture of another size.
    """
    if not isinstance(code, Sequence) or not all(isinstance(byte, int) and 0 <= byte < 256 for byte in code):
        raise DataError("expected bytes of a mask (rle); found something else")
    bits = "".join(f"{byte:08b}" for byte in code)
    place = 0

    def take(size: int) -> int:
        nonlocal place
        if place + size > len(bits):
            raise DataError(f"expected a mask of {width} x {height} pixels; it ends early, after {len(code)} bytes")
        place += size
        return int(bits[place - size : place], 2)

    number = take(32)
    if number != width * height * _CHANNELS:
        raise DataError(
            f"expected a mask of {width} x {height} pixels, so {width * height * _CHANNELS:,} values; found {number:,}"
        )
    value_bits, count_bits = take(5) + 1, [take(4) + 1 for _ in range(4)]
    values = np.zeros(number, np.uint32)
    done = 0
    while done < number:
        repeats, count = take(1), take(count_bits[take(2)]) + 1
        end = min(done + count, number)
        values[done:end] = take(value_bits) if repeats else [take(value_bits) for _ in range(end - done)]
        done = end
    return values.reshape(height, width, _CHANNELS)[..., -1] > 0


def encode_mask(mask: np.ndarray) -> list[int]:
    """Return the run-length code of a mask (H, W) bool, as `decode_mask` reads it."""
    values = np.repeat(np.where(mask.ravel(), _PAINTED, 0), _CHANNELS)
    ends = np.append(np.flatnonzero(np.diff(values)) + 1, values.size)
    bits = [f"{values.size:032b}", f"{_VALUE_BITS - 1:05b}", *(f"{size - 1:04b}" for size in _COUNT_BITS)]
    start = 0
    for end in ends.tolist():
        while start < end:
            count = min(end - start, 1 << _COUNT_BITS[-1])
            which = next(index for index, size in enumerate(_COUNT_BITS) if count <= 1 << size)
            bits.append(f"1{which:02b}{count - 1:0{_COUNT_BITS[which]}b}{values[start]:0{_VALUE_BITS}b}")
            start += count
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return np.packbits(np.frombuffer(text.encode(), np.uint8) - ord("0")).tolist()


def trace_mask(mask: np.ndarray) -> np.ndarray:
    """Return the edges of a mask as one closed line of corners of pixels, which holds its pixels and no other.

    Parts and holes are reached by edges that are walked there and back, which the rule of
    `locgraph.io.regions.points.Points.inside` does not count.

    Args:
        mask: (H, W) bool.

    Returns:
        (V, 2) float64, x and y of corners; the corner of the first pixel is 0, 0. Empty where no pixel is in it.
    """
    rings = _rings(np.pad(mask, 1).astype(np.int8))
    if not rings:
        return np.zeros((0, 2))
    first = rings[0][:1]
    return np.concatenate([rings[0], *(part for ring in rings[1:] for part in (first, ring, ring[:1]))])


def _rings(padded: np.ndarray) -> list[np.ndarray]:
    """Return the closed lines (V, 2) around the pixels of a mask that a border of nothing surrounds."""
    following: dict[tuple[int, int], list[tuple[int, int]]] = {}
    down, right = np.diff(padded, axis=0), np.diff(padded, axis=1)
    for row, column in np.argwhere(down[:, 1:-1]).tolist():  # edges along x: inside is on their right
        ends = [(column, row), (column + 1, row)]
        begin, end = ends if down[row, column + 1] > 0 else reversed(ends)
        following.setdefault(begin, []).append(end)
    for row, column in np.argwhere(right[1:-1]).tolist():
        ends = [(column, row), (column, row + 1)]
        begin, end = ends if right[row + 1, column] < 0 else reversed(ends)
        following.setdefault(begin, []).append(end)
    rings = []
    while following:
        start = next(iter(following))
        corners = [start]
        while True:
            ends = following[corners[-1]]
            end = ends.pop()
            if not ends:
                del following[corners[-1]]
            if end == start:
                break
            corners.append(end)
        rings.append(_without_straight(np.array(corners, np.float64)))
    return rings


def _without_straight(ring: np.ndarray) -> np.ndarray:
    """Return the corners of a closed line without those at which it goes straight on."""
    before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    return ring[(before != after).any(axis=1)]
