"""A region: polygons with holes, or points, and a name that can be that of a file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

Ring = np.ndarray
"""Vertices (V, 2) float64; the last is joined to the first."""

_NOT_IN_NAMES = re.compile(r"[/\\\x00-\x1f\x7f]|^\.|^$")


@dataclass(frozen=True)
class Region:
    """A region of one FOV.

    Attributes:
        name: Its name, unique in the FOV.
        polygons: Rings of each polygon: the outline, then its holes. The region is the union of the polygons.
        problem: Why it has no area; None for one that has.
        points: Points (P, 2) float64, where it is made of these and has no area.
        label: Class that the file gives it; None where it gives none.
    """

    name: str
    polygons: tuple[tuple[Ring, ...], ...] = ()
    problem: str | None = None
    points: np.ndarray | None = None
    label: str | None = None

    def scale(self, factor: float, origin: Sequence[float]) -> Region:
        """Return the region with all coordinates times ``factor``, and then moved by ``origin`` (x, y)."""
        moved = tuple(
            tuple(ring * factor + np.asarray(origin, np.float64) for ring in rings) for rings in self.polygons
        )
        points = None if self.points is None else self.points * factor + np.asarray(origin, np.float64)
        return replace(self, polygons=moved, points=points)


def make_region(name: str, polygons: Iterable[Iterable[Sequence[Sequence[float]] | np.ndarray]]) -> Region:
    """Return a region, with the reason where it cannot be used: a ring of fewer than three points, or numbers missing.

    Args:
        name: Its name; characters that no file name can hold become ``_``.
        polygons: Vertices (V, 2) of the rings of each polygon.
    """
    name = safe_name(name)
    try:
        arrays = tuple(tuple(np.asarray(ring, np.float64)[:, :2] for ring in rings) for rings in polygons)
    except (ValueError, TypeError, IndexError):
        return Region(name, problem="vertices that are no pairs of numbers")
    rings = [ring for own in arrays for ring in own]
    if not rings:
        return Region(name, problem="no polygon")
    if not all(np.isfinite(ring).all() for ring in rings):
        return Region(name, problem="vertices that are not finite")
    if any(len(np.unique(ring, axis=0)) < 3 for ring in rings):
        return Region(name, problem="fewer than 3 different vertices")
    return Region(name, arrays)


def make_points(name: str, points: Sequence[Sequence[float]] | np.ndarray, kind: str = "points") -> Region:
    """Return points (P, 2), which have no area, under one name; without them where they are no pairs of numbers."""
    try:
        array = np.asarray(points, np.float64)[:, :2]
    except (ValueError, TypeError, IndexError):
        return Region(safe_name(name), problem="points that are no pairs of numbers")
    if array.shape[1] != 2 or not np.isfinite(array).all():
        return Region(safe_name(name), problem="points that are no pairs of numbers")
    return Region(safe_name(name), problem=f"{kind}: it has no area", points=array)


def safe_name(name: str) -> str:
    """Return a name without slashes, control characters and a dot in front, which become ``_``."""
    return _NOT_IN_NAMES.sub("_", name.strip())


def number_equal_names(regions: Iterable[Region]) -> tuple[Region, ...]:
    """Return regions of different names: the second ``cell`` becomes ``cell_2``, where that is free."""
    regions = tuple(regions)
    free = {region.name for region in regions}
    seen: set[str] = set()
    named = []
    for region in regions:
        name, number = region.name, 2
        while name in seen or (number > 2 and name in free):
            name, number = f"{region.name}_{number}", number + 1
        seen.add(name)
        named.append(replace(region, name=name))
    return tuple(named)


def digest(regions: Iterable[Region]) -> str:
    """Return a short name for the content of regions: 16 hexadecimal digits."""
    content = hashlib.blake2b(digest_size=8)
    for region in regions:
        shape = [[len(ring) for ring in rings] for rings in region.polygons]
        content.update(repr((region.name, region.problem, shape)).encode())
        for rings in region.polygons:
            for ring in rings:
                content.update(np.ascontiguousarray(ring).tobytes())
    return content.hexdigest()
