"""Objects side by side: many small ones are cut out and processed in one call, large ones alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from locgraph.io.volumes.objects import VolumeObjects

_VOXELS: Final = 1 << 20
"""Of one canvas, unless a single object needs more."""
_RATIO: Final = 1.25
"""Objects share a canvas where the sides of their boxes differ by less: little of it is empty."""


@dataclass(frozen=True)
class Canvas:
    """Some objects, one behind the other along the first axis, each with a margin of background on all sides.

    Attributes:
        mask: Where the objects are (Z, Y, X) or (Y, X) bool.
        objects: Which they are (L,) int64: rows of the `VolumeObjects`.
        first: Plane of the canvas at which each begins, margin included (L,) int64.
        shifts: What is added to a voxel of the canvas to get that of the volume (L, D) int64.
    """

    mask: np.ndarray
    objects: np.ndarray
    first: np.ndarray
    shifts: np.ndarray


def cut_objects(values: np.ndarray, objects: VolumeObjects) -> Iterator[Canvas]:
    """Yield all objects of a label volume on canvases; a margin closes what the border of the volume cuts off.

    Args:
        values: Labels (Z, Y, X) or (Y, X).
        objects: Its objects.
    """
    boxes = objects.high - objects.low + 3
    classes = np.ceil(np.log(boxes[:, 1:]) / np.log(_RATIO)).astype(np.int64)
    order = np.lexsort(classes.T)
    batch: list[int] = []
    filled = 0
    for index in order.tolist():
        size = int(np.prod(boxes[index]))
        if batch and (filled + size > _VOXELS or (classes[index] != classes[batch[0]]).any()):
            yield _fill(values, objects, np.array(batch), boxes)
            batch, filled = [], 0
        batch.append(index)
        filled += size
    if batch:
        yield _fill(values, objects, np.array(batch), boxes)


def _fill(values: np.ndarray, objects: VolumeObjects, chosen: np.ndarray, boxes: np.ndarray) -> Canvas:
    depths = boxes[chosen, 0]
    first = np.cumsum(depths) - depths
    mask = np.zeros((int(depths.sum()), *boxes[chosen, 1:].max(axis=0)), np.bool_)
    ends = objects.high[chosen] + 1
    for begin, label, low, end in zip(
        first.tolist(), objects.labels[chosen].tolist(), objects.low[chosen].tolist(), ends.tolist(), strict=True
    ):
        box = values[tuple(map(slice, low, end))]
        into = (slice(begin + 1, begin + 1 + box.shape[0]), *(slice(1, 1 + side) for side in box.shape[1:]))
        np.equal(box, label, out=mask[into])
    shifts = objects.low[chosen] - 1
    shifts[:, 0] -= first
    return Canvas(mask, chosen, first, shifts)
