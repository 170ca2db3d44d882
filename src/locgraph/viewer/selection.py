"""Which localisations pass filters and lie within a drawn shape: exact, on all of them, node by node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from locgraph.errors import DataError
from locgraph.io.annotations.regions import regions_to_rows
from locgraph.schema import annotation
from locgraph.settings import is_number
from locgraph.viewer.annotation.statements import MOST_CORNERS
from locgraph.viewer.levels.columns import CATEGORICAL
from locgraph.viewer.levels.levels import POSITION, ROW, Levels

_TOOLS: Final = (annotation.LASSO, annotation.POLYGON, annotation.BRUSH, annotation.POINT)


@dataclass(frozen=True)
class Shape:
    """A shape that somebody drew.

    Attributes:
        tool: Lasso, polygon, brush or point.
        points: (V, 2) float64 nm relative to the origin of the scene.
        radius: nm; None where there is none.
    """

    tool: str
    points: np.ndarray
    radius: float | None

    @property
    def box(self) -> tuple[np.ndarray, np.ndarray]:
        """Smallest and largest coordinates (2,) nm of what can lie within."""
        margin = (self.radius or 0.0) * 1.001
        return self.points.min(axis=0) - margin, self.points.max(axis=0) + margin


def parse_shape(given: Any) -> Shape:
    """Return the shape that a page sends: ``{tool, points: [[x, y], ...], radius}``.

    Raises:
        DataError: It is none.
    """
    expected = f"expected a shape with tool ({', '.join(_TOOLS)}), points [[x, y], ...] and radius"
    if not isinstance(given, Mapping) or given.get("tool") not in _TOOLS:
        raise DataError(f"{expected}; found {str(given)[:100]}")
    points, radius = given.get("points"), given.get("radius")
    if not isinstance(points, list) or not points or not all(map(_is_pair, points)):
        raise DataError(f"{expected}; found points that are no pairs of numbers")
    if len(points) > MOST_CORNERS:
        raise DataError(f"{expected}; found {len(points):,} points, at most {MOST_CORNERS:,} are taken")
    if radius is not None and (not is_number(radius) or radius < 0):
        raise DataError(f"{expected}; found the radius {radius!r}")
    if given["tool"] == annotation.BRUSH and radius is None:
        raise DataError(f"{expected}; found a brush without a radius")
    return Shape(given["tool"], np.array(points, dtype=np.float64), radius)


def _is_pair(point: Any) -> bool:
    return isinstance(point, list) and len(point) == 2 and all(map(is_number, point))


def select_rows(levels: Levels, filters: Any = None, shape: Shape | None = None) -> np.ndarray:
    """Return which localisations pass all filters and lie within a shape.

    Args:
        levels: The localisations.
        filters: Column -> ``[low, high]``, both included and null where open; of categories the values that pass.
        shape: What they lie within, by the rules of annotations; None for anywhere.

    Returns:
        (R,) rows of the table that was read, ascending.

    Raises:
        NotThereError: A column is not there.
        DataError: A filter is none.
    """
    checks = _check_filters(levels, filters or {})
    parts = []
    for node in _nodes_within(levels, shape):
        part = slice(levels.first[node], levels.first[node + 1])
        passing = np.ones(part.stop - part.start, dtype=bool)
        for name, wanted in checks.items():
            passing &= _passes(levels.values[name][part], wanted)
        if shape is not None and shape.tool != annotation.POINT:
            positions = levels.values[POSITION][part].astype(np.float64)
            passing &= _within(positions, shape)
        parts.append((part.start + np.flatnonzero(passing)).astype(np.int64))
    places = np.concatenate([np.empty(0, dtype=np.int64), *parts])
    if shape is not None and shape.tool == annotation.POINT:  # the nearest of all, not of each node
        positions = levels.values[POSITION][places].astype(np.float64)
        places = places[_within(positions, shape)]
    return np.sort(levels.values[ROW][places])


def _within(positions: np.ndarray, shape: Shape) -> np.ndarray:
    x, y = shape.points.T.tolist()
    return regions_to_rows(positions, x, y, shape.radius, shape.tool)


def _nodes_within(levels: Levels, shape: Shape | None) -> list[int]:
    """Return the nodes whose boxes a shape meets."""
    if shape is None or (shape.tool == annotation.POINT and shape.radius is None):
        return list(range(len(levels.level)))
    low, high = shape.box
    boxes = levels.box[:, :, :2].astype(np.float64)
    return np.flatnonzero(((boxes[:, 0] <= high) & (boxes[:, 1] >= low)).all(axis=1)).tolist()


def _check_filters(levels: Levels, filters: Any) -> dict[str, tuple[float, float] | np.ndarray]:
    """Return column -> range, or codes of categories, that pass."""
    if not isinstance(filters, Mapping):
        raise DataError(f"expected filters as column -> [low, high] or values; found {str(filters)[:100]}")
    checks: dict[str, tuple[float, float] | np.ndarray] = {}
    for name, wanted in filters.items():
        column = levels.column(name)
        listed = isinstance(wanted, Sequence) and not isinstance(wanted, str)
        if not listed or not all(value is None or is_number(value) for value in wanted):
            raise DataError(f"expected a list of numbers to filter {name} by; found {str(wanted)[:100]}")
        if column.kind == CATEGORICAL:
            checks[name] = np.array([value - column.first for value in wanted if value is not None])
        elif len(wanted) != 2:
            raise DataError(f"expected [low, high] to filter {name} by; found {len(wanted)} numbers")
        else:
            low, high = wanted
            checks[name] = (-np.inf if low is None else float(low), np.inf if high is None else float(high))
    return checks


def _passes(values: np.ndarray, wanted: tuple[float, float] | np.ndarray) -> np.ndarray:
    if isinstance(wanted, np.ndarray):
        return np.isin(values, wanted)
    low, high = np.float64(wanted[0]), np.float64(wanted[1])  # as the page compares: in 64 bits
    return (values >= low) & (values <= high)
