"""Results of Label Studio, and the places that they state in nm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from locgraph.errors import DataError
from locgraph.io.annotations.label_studio.brush import decode_mask, encode_mask, trace_mask
from locgraph.io.annotations.label_studio.grid import PixelGrid
from locgraph.io.annotations.regions import regions_to_rows
from locgraph.schema import annotation as columns

CHOICES: Final = "choices"
KEYPOINT: Final = "keypointlabels"
POLYGON: Final = "polygonlabels"
RECTANGLE: Final = "rectanglelabels"
BRUSH: Final = "brushlabels"

NAMES: Final = {CHOICES: "cls", KEYPOINT: "pt", POLYGON: "poly", RECTANGLE: "rect", BRUSH: "brush"}
"""Kind of result: name of its tool in the labelling configuration (``from_name``)."""

IMAGE: Final = "img"
"""Name of the picture in the labelling configuration (``to_name``) and in the data of a task."""

NO_CLASS: Final = "(no class)"
"""Stands for a statement that takes classes away, since Label Studio draws nothing without a label."""

_POINT_SIZE: Final = 1.0  # per cent of the width, of a keypoint as it is drawn
_SAME: Final = 1e-6  # per cent: Label Studio may round
_THINNEST_PX: Final = 0.75  # a brush that is thinner would leave no pixel


def to_result(row: Mapping[str, Any], grid: PixelGrid) -> tuple[str, dict[str, Any]]:
    """Return kind and value of the result that shows one statement; see `locgraph.schema.annotation`."""
    label = NO_CLASS if row[columns.LABEL] is None else row[columns.LABEL]
    if row[columns.TARGET] == columns.OF_FOV:
        return CHOICES, {CHOICES: [label]}
    points = np.column_stack([row[columns.X], row[columns.Y]])
    if row[columns.TARGET] in (columns.OF_POINT, columns.OF_CLUSTER):
        ((x, y),) = grid.to_percent(points).tolist()
        return KEYPOINT, {"x": x, "y": y, "width": _POINT_SIZE, KEYPOINT: [label]}
    if row[columns.RADIUS] is not None:
        return BRUSH, {"format": "rle", "rle": encode_mask(_paint(points, row[columns.RADIUS], grid)), BRUSH: [label]}
    return POLYGON, {"points": grid.to_percent(points).tolist(), "closed": True, POLYGON: [label]}


def _paint(path: np.ndarray, radius: float, grid: PixelGrid) -> np.ndarray:
    """Return the mask (H, W) bool of a path (V, 2) nm: pixels whose middle a brush covers."""
    reach = max(radius, _THINNEST_PX * grid.nm_per_px)
    mask = np.zeros((grid.height, grid.width), dtype=bool)
    corners = grid.to_percent(np.stack([path.min(axis=0) - reach, path.max(axis=0) + reach])) / 100
    low, high = np.clip(corners * [grid.width, grid.height], 0, [grid.width, grid.height])
    columns_x, rows_y = (np.arange(int(a), int(np.ceil(b))) for a, b in zip(low, high, strict=True))
    pixels = np.stack(np.meshgrid(columns_x, rows_y), axis=-1).reshape(-1, 2)
    x, y = path.T.tolist()
    inside = pixels[regions_to_rows(grid.pixels_to_nm(pixels + 0.5), x, y, reach, columns.BRUSH)]
    mask[inside[:, 1], inside[:, 0]] = True
    return mask


def to_points(kind: str, value: Mapping[str, Any], grid: PixelGrid) -> np.ndarray:
    """Return the place (V, 2) nm that a result states: one point, or the vertices of a polygon.

    Raises:
        DataError: The value is not what its kind has.
    """
    if kind == BRUSH:
        if value.get("format") != "rle":
            raise DataError(f"expected a mask of the format rle; found {value.get('format')!r}")
        return grid.pixels_to_nm(trace_mask(decode_mask(value.get("rle"), grid.width, grid.height)))
    if kind == KEYPOINT:
        return grid.to_nm(_numbers([[value.get("x"), value.get("y")]]))
    if kind == RECTANGLE:
        return grid.to_nm(_rectangle(value, grid))
    return grid.to_nm(_numbers(value.get("points")))


def _rectangle(value: Mapping[str, Any], grid: PixelGrid) -> np.ndarray:
    """Return the corners (4, 2) in per cent; rotation is in degrees, clockwise, around the upper left corner."""
    names = ("x", "y", "width", "height")
    x, y, width, height = _numbers([[value.get(name) for name in names]], len(names))[0]
    angle = np.deg2rad(_numbers([[value.get("rotation", 0)]], 1)[0, 0])
    size = np.array([grid.width, grid.height])
    sides = np.array([[0, 0], [width, 0], [width, height], [0, height]]) * size  # per cent of pixels: a square is one
    turned = sides @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return turned / size + [x, y]


def _numbers(values: Any, columns_expected: int = 2) -> np.ndarray:
    try:
        numbers = np.array(values, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError("expected coordinates in per cent; found something else") from error
    if numbers.ndim != 2 or numbers.shape[1] != columns_expected or not np.isfinite(numbers).all():
        raise DataError("expected coordinates in per cent; found something else")
    return numbers


def is_same(kind: str, value: Mapping[str, Any], row: Mapping[str, Any], grid: PixelGrid) -> bool:
    """Return whether a result has the class and the place of a statement still, as `to_result` gives them."""
    own_kind, own = to_result(row, grid)
    if own_kind != kind or own[kind] != value.get(kind):
        return False
    if kind == CHOICES:
        return True
    if kind == BRUSH:
        if own["rle"] == value.get("rle"):
            return True
        mask, other = (decode_mask(each.get("rle"), grid.width, grid.height) for each in (own, value))
        return bool(np.array_equal(mask, other))
    first, second = (_numbers(each["points"] if kind == POLYGON else [[each["x"], each["y"]]]) for each in (own, value))
    return first.shape == second.shape and bool(np.allclose(first, second, rtol=0, atol=_SAME))
