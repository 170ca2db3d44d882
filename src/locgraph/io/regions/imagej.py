"""ROIs of ImageJ: ``.roi`` files, and ``.zip`` files of them as the ROI manager saves.

Own code rather than a package: a header of 64 bytes and coordinates, of which outlines and points are read. The
layout is that of ImageJ's class ``ij.io.RoiDecoder`` (https://github.com/imagej/ImageJ). All is big-endian and in
pixels; whole coordinates of vertices are corners of pixels, so that the first pixel spans 0 to 1; those of points are
whole pixels, of which a point is the middle.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np

from locgraph.errors import DataError
from locgraph.io.regions.base import Region, make_points, make_region, safe_name

MAGIC: Final = b"Iout"
SUFFIX: Final = ".roi"

_HEADER: Final = 64
_RECTANGLE, _OVAL = 1, 2
_OUTLINES: Final = (0, 7, 8)  # polygon, freehand, traced
_POINTS: Final = 10
_OTHERS: Final = {3: "line", 4: "freehand line", 5: "polyline", 6: "no ROI", 9: "angle"}
_TEXT: Final = 1  # subtypes
_IMAGE: Final = 4
_SUB_PIXEL: Final = 128  # option
_FIRST_SUB_PIXEL: Final = 222  # version
_FIRST_SUB_PIXEL_BOX: Final = 223
_LEAST: Final = -5000
_MOVE, _LINE, _CLOSE = 0, 1, 4  # segments of a shape
_OVAL_VERTICES: Final = 256  # the outline is then right to 1/13,000 of the radius
_MAX_BYTES: Final = 1 << 24  # of one ROI: two million vertices
_MAX_TOTAL: Final = 1 << 28  # of all of a zip
_MAX_MEMBERS: Final = 100_000


def read_rois(path: Path) -> list[Region]:
    """Read a ``.roi`` file, or the ROIs of a zip. Nothing is unpacked to disk.

    Returns:
        Regions in pixels; one that is no area, or damaged, has its problem.

    Raises:
        DataError: The file is neither, is damaged, or is larger when unpacked than ROIs are.
    """
    with path.open("rb") as handle:
        start = handle.read(_MAX_BYTES + 1)
    if start.startswith(MAGIC):
        return [_read_roi(path.stem, start)]
    try:
        with zipfile.ZipFile(path) as archive:
            return _read_members(path, archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise DataError(f"{path}: expected ROIs of ImageJ, found a file that is no such zip ({error})") from error


def _read_members(path: Path, archive: zipfile.ZipFile) -> list[Region]:
    members = [
        member
        for member in archive.infolist()
        if member.filename.lower().endswith(SUFFIX) and not PurePosixPath(member.filename).name.startswith(".")
    ]
    if not members:
        raise DataError(f"{path}: expected ROIs (.roi) in the zip, found none")
    if len(members) > _MAX_MEMBERS:
        raise DataError(f"{path}: expected at most {_MAX_MEMBERS:,} ROIs, found {len(members):,}")
    regions, total = [], 0
    for member in members:
        with archive.open(member) as handle:
            content = handle.read(_MAX_BYTES + 1)  # the size that a zip states may be wrong
        total += len(content)
        if len(content) > _MAX_BYTES or total > _MAX_TOTAL:
            raise DataError(
                f"{path}: expected ROIs of at most {_MAX_BYTES >> 20} MB, {_MAX_TOTAL >> 20} MB in all, found more in "
                f"{member.filename}"
            )
        regions.append(_read_roi(PurePosixPath(member.filename.replace("\\", "/")).name[: -len(SUFFIX)], content))
    return regions


def _read_roi(name: str, content: bytes) -> Region:
    """Return one ROI; a damaged one has its problem."""
    if not content.startswith(MAGIC) or len(content) < _HEADER:
        return Region(safe_name(name), problem="no ROI of ImageJ")
    try:
        kind, size = content[6], struct.unpack_from(">i", content, 36)[0]
        subtype = struct.unpack_from(">h", content, 48)[0]
        if subtype in (_TEXT, _IMAGE) or kind in _OTHERS:
            what = {_TEXT: "text", _IMAGE: "image"}.get(subtype) or _OTHERS[kind]
            return Region(safe_name(name), problem=f"{what}: it has no area")
        if size > 0:
            return make_region(name, [_shape(content, size)])
        if kind in (_RECTANGLE, _OVAL):
            return make_region(name, [[_box(content, kind)]])
        if kind == _POINTS:
            middle = 0.0 if _is_sub_pixel(content, _FIRST_SUB_PIXEL) else 0.5
            return make_points(name, _outline(content) + middle)
        if kind in _OUTLINES:
            return make_region(name, [[_outline(content)]])
    except (struct.error, ValueError) as error:
        return Region(safe_name(name), problem=f"a damaged ROI ({error})")
    return Region(safe_name(name), problem=f"a ROI of unknown type {kind}")


def _is_sub_pixel(content: bytes, first_version: int) -> bool:
    version, options = struct.unpack_from(">h", content, 4)[0], struct.unpack_from(">h", content, 50)[0]
    return version >= first_version and bool(options & _SUB_PIXEL)


def _whole(value: int) -> int:
    """Return a coordinate of 16 bits, which ImageJ uses for -5,000 to 60,535."""
    return value + (1 << 16) if value < _LEAST else value


def _box(content: bytes, kind: int) -> np.ndarray:
    if _is_sub_pixel(content, _FIRST_SUB_PIXEL_BOX):
        left, top, width, height = struct.unpack_from(">4f", content, 18)
    else:
        top, left, bottom, right = map(_whole, struct.unpack_from(">4h", content, 8))
        width, height = right - left, bottom - top
    if kind == _RECTANGLE:
        corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64)
    else:
        angles = np.linspace(0, 2 * np.pi, _OVAL_VERTICES, endpoint=False)
        corners = 0.5 + 0.5 * np.column_stack([np.cos(angles), np.sin(angles)])
    return corners * [width, height] + [left, top]


def _outline(content: bytes) -> np.ndarray:
    top, left, _, _, number = struct.unpack_from(">4hH", content, 8)
    if number == 0:  # more than fit 16 bits
        number = struct.unpack_from(">i", content, 18)[0]
    if number < 0:
        raise ValueError(f"{number} vertices")
    if _is_sub_pixel(content, _FIRST_SUB_PIXEL):
        values = np.frombuffer(content, ">f4", 2 * number, _HEADER + 4 * number)
        return values.reshape(2, number).T.astype(np.float64)
    values = np.frombuffer(content, ">u2", 2 * number, _HEADER)
    return values.reshape(2, number).T + np.array([_whole(left), _whole(top)], np.float64)


def _shape(content: bytes, size: int) -> list[np.ndarray]:
    """Return the rings of a shape of several parts; straight segments alone."""
    values = np.frombuffer(content, ">f4", size, _HEADER).astype(np.float64)
    rings: list[list[np.ndarray]] = []
    place = 0
    while place < size:
        segment = values[place]
        if segment == _CLOSE:
            place += 1
            continue
        if segment not in (_MOVE, _LINE) or place + 3 > size:
            raise ValueError("a shape of curves, or cut off; save it as a polygon")
        if segment == _MOVE or not rings:
            rings.append([])
        rings[-1].append(values[place + 1 : place + 3])
        place += 3
    return [np.array(ring) for ring in rings]
